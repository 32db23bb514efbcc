import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { configOf, problemsOf, url } from '../support/config.js'
import { folderWith } from '../support/folder.js'

const brokers = ['localhost:9092']

describe('where a value comes from', () => {
  it('the environment alone suffices', async () => {
    const { outboxes, http, log, file } = await configOf(undefined, {
      OUTBOXKIT_DATABASE_URL: 'mysql://u:p@db/shop',
      OUTBOXKIT_TABLE_NAME: 'events',
      OUTBOXKIT_TABLE_UNIQUE_ID: 'true',
      OUTBOXKIT_KAFKA_BROKERS: 'a:9092, b:9092',
      OUTBOXKIT_KAFKA_SSL: '1',
      OUTBOXKIT_KAFKA_SASL_MECHANISM: 'plain',
      OUTBOXKIT_KAFKA_SASL_USERNAME: 'relay',
      OUTBOXKIT_KAFKA_SASL_PASSWORD: 'secret',
      OUTBOXKIT_KAFKA_TOPIC: 'shop.{type}',
      OUTBOXKIT_LEASE_TERM_MS: '30000',
      OUTBOXKIT_IDLE_SLEEP_AFTER_MS: '60000',
      OUTBOXKIT_ON_POISON: 'halt',
      OUTBOXKIT_HTTP_PORT: '8080',
      OUTBOXKIT_LOG_LEVEL: 'warn',
      OUTBOXKIT_HOLD_AFTER_MS: '',
    })
    expect(file).toBeUndefined()
    const [outbox] = outboxes
    expect(outbox).toMatchObject({
      name: 'default',
      database: { dialect: 'mysql', url: 'mysql://u:p@db/shop' },
      table: { name: 'events', uniqueId: true, payload: 'json' },
      relay: { lease: { termMs: 30_000 }, idle: { sleepAfterMs: 60_000 }, onPoison: 'halt' },
      kafka: {
        brokers: ['a:9092', 'b:9092'],
        topicTemplate: 'shop.{type}',
        maxRequestBytes: 1_048_576,
        client: { ssl: true, sasl: { mechanism: 'plain', username: 'relay', password: 'secret' } },
      },
    })
    expect(outbox?.relay).not.toHaveProperty('holdAfterMs')
    expect({ http, log }).toEqual({
      http: { host: '127.0.0.1', port: 8080 },
      log: { level: 'warn', format: 'auto' },
    })
  })

  it('the environment goes before the file, and each value says where it is from', async () => {
    const { values } = await configOf(
      { database: { url }, table: { name: 'file' }, lease: { termMs: 20_000 } },
      { OUTBOXKIT_TABLE_NAME: 'variable' },
    )
    const of = (key: string) => values.find((value) => value.key === key)
    expect(of('table.name')).toEqual({
      key: 'table.name',
      value: 'variable',
      origin: 'environment',
      from: 'OUTBOXKIT_TABLE_NAME',
    })
    expect(of('lease.termMs')).toMatchObject({
      value: 20_000,
      origin: 'file',
      from: '/project/outbox.config.ts',
    })
    expect(of('poll.maxMs')).toEqual({ key: 'poll.maxMs', value: 250, origin: 'default' })
  })

  it('DATABASE_URL and KAFKA_BROKERS are read only where nothing else is given', async () => {
    const others = { DATABASE_URL: url, KAFKA_BROKERS: 'k:1' }
    const alone = await configOf(undefined, others)
    expect(alone.outboxes[0]).toMatchObject({ database: { url }, kafka: { brokers: ['k:1'] } })
    const inFile = await configOf(
      { database: { url: 'mysql://a/b' }, kafka: { brokers } },
      { ...others, KAFKA_BROKERS: 'nonsense' },
    )
    expect(inFile.outboxes[0]).toMatchObject({ database: { url: 'mysql://a/b' }, kafka: { brokers } })
    const inVariable = await configOf(undefined, { ...others, OUTBOXKIT_DATABASE_URL: 'mysql://c/d' })
    expect(inVariable.outboxes[0]?.database).toMatchObject({ dialect: 'mysql', url: 'mysql://c/d' })
    const asObject = await configOf({ database: { config: { host: 'h' }, dialect: 'postgres' } }, others)
    expect(asObject.outboxes[0]?.database).toEqual({
      dialect: 'postgres',
      url: undefined,
      config: { host: 'h' },
    })
  })

  it('a variable with a URL takes the place of an object in the file', async () => {
    const { outboxes } = await configOf(
      { database: { config: { host: 'h' }, dialect: 'postgres' } },
      { OUTBOXKIT_DATABASE_URL: url },
    )
    expect(outboxes[0]?.database).toEqual({ dialect: 'postgres', url, config: undefined })
  })

  it('secrets come from files, named by variable or in the file', async () => {
    const cwd = folderWith({
      'run/url': `${url}\n`,
      'run/password': 'geheim\r\n',
      'run/ca.pem': 'PEM\nPEM\n',
    })
    const config = await configOf(
      {
        kafka: {
          brokers,
          ssl: { caFile: 'run/ca.pem', rejectUnauthorized: true },
          sasl: { mechanism: 'scram-sha-512', username: 'u', passwordFile: join(cwd, 'run/password') },
        },
      },
      { OUTBOXKIT_DATABASE_URL_FILE: 'run/url' },
      cwd,
    )
    expect(config.outboxes[0]).toMatchObject({
      database: { url },
      kafka: { client: { ssl: { ca: 'PEM\nPEM', rejectUnauthorized: true }, sasl: { password: 'geheim' } } },
    })
    expect(config.values.find(({ key }) => key === 'kafka.sasl.password')).toEqual({
      key: 'kafka.sasl.password',
      value: '(secret)',
      origin: 'secret file',
      from: join(cwd, 'run/password'),
    })
  })

  it('a secret file that is missing or empty, or that stands beside the secret itself, is an error', async () => {
    const cwd = folderWith({})
    writeFileSync(join(cwd, 'empty'), '')
    const sasl = { mechanism: 'plain', username: 'u', password: 'p', passwordFile: 'x' }
    expect(
      await problemsOf(
        { database: { urlFile: 'gone' }, kafka: { brokers, sasl } },
        {
          OUTBOXKIT_KAFKA_SSL_KEY_FILE: 'empty',
          OUTBOXKIT_TABLE_NAME: 'a',
          OUTBOXKIT_TABLE_NAME_FILE: 'empty',
        },
        cwd,
      ),
    ).toEqual([
      `database.urlFile: The file ${join(cwd, 'gone')} cannot be read (ENOENT).`,
      'kafka.sasl.passwordFile: stands beside password. Give one of them.',
      `OUTBOXKIT_KAFKA_SSL_KEY_FILE: The file ${join(cwd, 'empty')} is empty.`,
      `OUTBOXKIT_TABLE_NAME_FILE: The file ${join(cwd, 'empty')} is empty.`,
    ])
    const both = { OUTBOXKIT_TABLE_NAME: 'a', OUTBOXKIT_TABLE_NAME_FILE: 'name' }
    writeFileSync(join(cwd, 'name'), 'b')
    expect(await problemsOf({ database: { url } }, both, cwd)).toEqual([
      'OUTBOXKIT_TABLE_NAME_FILE: is set together with OUTBOXKIT_TABLE_NAME. Set one of them.',
    ])
  })

  it('no secret is in the values', async () => {
    const secrets = ['s3cr3t', 'k3y', 'phr4se', 'confpass', 'urlp@ss']
    const { values } = await configOf({
      outboxes: {
        a: {
          database: { url: `postgres://u:${secrets[4]}@h/db?sslpassword=s3cr3t&application_name=x` },
          kafka: {
            brokers,
            ssl: { key: 'k3y', passphrase: 'phr4se' },
            sasl: { mechanism: 'plain', username: 'u', password: 's3cr3t' },
          },
        },
        b: { database: { dialect: 'mysql', config: { password: 'confpass' } } },
      },
    })
    for (const secret of secrets) expect(JSON.stringify(values)).not.toContain(secret)
    expect(values.find(({ key }) => key === 'outboxes.a.database.url')?.value).toBe(
      'postgres://u:***@h/db?sslpassword=***&application_name=x',
    )
  })

  it.each(['{"key":"s3cr3t"}', '%7B%22key%22%3A%22s3cr3t%22%7D'])(
    'is shown without the key of an object in the URL: ssl=%s',
    async (ssl) => {
      const { values } = await configOf({
        kafka: { brokers },
        database: { url: `mysql://u@h/db?ssl=${ssl}&charset=utf8mb4` },
      })
      expect(values.find(({ key }) => key === 'database.url')?.value).toBe(
        'mysql://u@h/db?ssl=***&charset=utf8mb4',
      )
    },
  )
})

describe('several outboxes', () => {
  it('each has what is said of all, unless something is said of it', async () => {
    const { outboxes, values } = await configOf(
      {
        kafka: { brokers, topic: 'all' },
        lease: { termMs: 20_000 },
        outboxes: {
          'billing-eu': { database: { url: `${url}1` }, kafka: { topic: 'billing' } },
          orders: { database: { url: `${url}2` }, lease: { termMs: 40_000 } },
        },
      },
      {
        OUTBOXKIT_LEASE_TERM_MS: '30000',
        OUTBOXKIT_OUTBOXES_BILLING_EU_TABLE_NAME: 'b',
        OUTBOXKIT_HTTP_PORT: '1',
      },
    )
    const seen = outboxes.map(({ name, kafka, table, relay }) =>
      [name, kafka?.topicTemplate, kafka?.brokers.length, table.name, relay.lease?.termMs].join(),
    )
    expect(seen).toEqual(['billing-eu,billing,1,b,30000', 'orders,all,1,outbox,40000'])
    const keys = values.map(({ key }) => key)
    expect(keys.filter((key) => key.endsWith('kafka.topic'))).toEqual([
      'outboxes.billing-eu.kafka.topic',
      'outboxes.orders.kafka.topic',
    ])
    expect(keys).toContain('kafka.brokers')
  })

  it('variables alone name them too', async () => {
    const { outboxes } = await configOf(undefined, {
      OUTBOXKIT_KAFKA_BROKERS: 'k:1',
      OUTBOXKIT_OUTBOXES_SHOP_EU_DATABASE_URL: `${url}1`,
      // TABLE_NAME is a setting: the outbox is not called shop_eu_table.
      OUTBOXKIT_OUTBOXES_SHOP_EU_TABLE_NAME: 'x',
      OUTBOXKIT_OUTBOXES_B_DATABASE_URL: `${url}2`,
    })
    expect(outboxes.map(({ name, table }) => [name, table.name])).toEqual([
      ['shop_eu', 'x'],
      ['b', 'outbox'],
    ])
  })

  it('defaults of what a ready-made publisher has of its own are not shown', async () => {
    const { values } = await configOf({ database: { url }, publisher: { publish() {} } })
    const keys = values.map(({ key }) => key)
    expect(keys.filter((key) => key.startsWith('kafka.'))).toEqual([])
    expect(keys).toContain('maxBatchEvents')
  })

  it('two of one table, bad names, and what cannot be shared are errors', async () => {
    expect(await problemsOf({ outboxes: { a: { database: { url } }, b: { database: { url } } } })).toEqual([
      'outboxes.b: is the same table as outboxes.a.',
    ])
    expect(await problemsOf({ outboxes: { 'a b': { database: { url }, log: {} } } })).toEqual([
      'outboxes.a b.log: is the same for all outboxes: it stands outside of `outboxes`.',
    ])
    expect(await problemsOf({ outboxes: { 'a b': { database: { url } } } })).toEqual([
      'outboxes.a b: A name has letters, digits, - and _ only.',
    ])
    const publisher = { publish: () => undefined }
    expect(
      await problemsOf({
        publisher,
        outboxes: { a: { database: { url } }, b: { database: { url: `${url}2` } } },
      }),
    ).toEqual(['publisher: is one object for several outboxes. Give each its own, or `kafka` for all.'])
  })
})

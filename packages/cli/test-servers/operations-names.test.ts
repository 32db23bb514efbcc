import { qualifiedName, resolveTable, schemaSql } from '@outboxkit/core'
import { expect, inject, it, onTestFinished } from 'vitest'
import {
  createTopic,
  freshDatabase,
  freshSchema,
  readTopic,
  uniqueTopic,
} from '../../../test-matrix/services/test-context.js'
import { outboxkit } from './operations-support.js'

it.each([
  ['postgres', () => inject('postgresUrl')],
  ['mysql', () => inject('mysqlUrl')],
  ['mariadb', () => inject('mariadbUrl')],
] as const)('%s: bytes, and a table whose name has quotes and a question mark', async (kind, url) => {
  const dialect = kind === 'postgres' ? 'postgres' : 'mysql'
  const place = dialect === 'postgres' ? await freshSchema(url()) : await freshDatabase(url())
  onTestFinished(() => place.drop())
  const query = (sql: string): Promise<object[]> => ('schema' in place ? place.query(sql) : place.query(sql))
  const options = {
    name: `out"b\`ox?'`,
    schema: 'schema' in place ? place.schema : place.database,
    payload: 'bytes',
  } as const
  const table = resolveTable(options)
  for (const statement of schemaSql(dialect, { ...options, with: ['archive'] })) await query(statement)
  const brokers = inject('kafkaBrokers')
  const topic = await createTopic(brokers, uniqueTopic('bytes'))
  const bytes = Buffer.from([0, 255, 1, 254, 0x1b, 0x5b, 0x33, 0x31, 0x6d, 10])
  const hex = dialect === 'postgres' ? `'\\x${bytes.toString('hex')}'` : `x'${bytes.toString('hex')}'`
  const id = crypto.randomUUID()
  const columns = 'position, id, aggregatetype, aggregateid, type, payload, topic'
  const row = `7, '${id}', 'order', 'a', 'order.placed', ${hex}, '${topic}'`
  const name = (part: 'held' | 'archive') => qualifiedName(table, dialect, part)
  await query(
    `insert into ${name('held')} (${columns}, scope_kind, scope, code, reason) values (${row}, 'key', '5:order:a', 'C', 'why')`,
  )
  await query(`insert into ${name('archive')} (${columns}) values (${row})`)

  const environment = {
    OUTBOXKIT_DATABASE_URL: url(),
    OUTBOXKIT_TABLE_NAME: options.name,
    OUTBOXKIT_TABLE_SCHEMA: options.schema,
    OUTBOXKIT_TABLE_PAYLOAD: 'bytes',
    OUTBOXKIT_KAFKA_BROKERS: brokers,
  }
  const run = (...args: string[]) => outboxkit(args, environment)
  expect((await run('status', '--json')).data).toMatchObject([
    { held: { key: { rows: 1 } }, lastError: { code: 'C' } },
  ])
  expect((await run('dead', 'list', '--code', 'C', '--json')).data).toMatchObject([
    { scopes: [{ events: 1 }] },
  ])
  expect((await run('dead', 'show', id, '--json')).data).toMatchObject([
    { position: 7, payload: bytes.toString('base64'), payloadEncoding: 'base64' },
  ])
  expect((await run('dead', 'show', '7')).stdout).toContain('00000000  00 ff 01 fe 1b 5b 33 31 6d 0a')
  expect((await run('dead', 'retry', id, '--json')).data).toMatchObject([
    { asked: [{ position: 7, already: false }] },
  ])
  expect((await run('dead', 'discard', '--all', '--yes', '--json')).data).toMatchObject([
    { asked: 1, already: 0 },
  ])
  expect((await run('replay', '--type', 'order.placed', '--yes', '--json')).data).toMatchObject([
    { events: 1 },
  ])
  const [record] = await readTopic(brokers, topic)
  expect(record?.value).toEqual(bytes)
})

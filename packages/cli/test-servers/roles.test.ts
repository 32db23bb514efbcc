import { randomBytes } from 'node:crypto'
import { resolveSchema, schemaSql, type SchemaOptions } from '@outboxkit/core'
import { withOutbox } from '@outboxkit/knex'
import { createRelay, type Source } from '@outboxkit/relay'
import { mysqlSource } from '@outboxkit/relay/mysql'
import { postgresSource } from '@outboxkit/relay/postgres'
import { memoryPublisher } from '@outboxkit/testing'
import knex from 'knex'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { migrate, openDatabase, roleGrants, type RoleNames } from '../src/index.js'
import { freshTestDatabase, servers, type TestDatabase } from './schema-support.js'

const options = { with: ['archive', 'inbox', 'deliver-at'], uniqueId: true } as const satisfies SchemaOptions
const event = { aggregateType: 'order', aggregateId: '1', type: 'order.placed', payload: { n: 1 } }

describe.each(servers)('roles on %s', (server) => {
  const dialect = server === 'postgres' ? 'postgres' : 'mysql'
  const schema = resolveSchema(dialect, options)
  let target: TestDatabase
  let names: RoleNames
  let users: string[]
  const account = (user: string): string => (dialect === 'postgres' ? user : `${user}@%`)
  const quoted = (user: string): string => (dialect === 'postgres' ? `"${user}"` : `'${user}'@'%'`)

  beforeEach(async () => {
    target = await freshTestDatabase(server, 'roles')
    await target.run(schemaSql(dialect, options))
    const suffix = randomBytes(5).toString('hex')
    users = ['app', 'relay', 'consumer'].map((role) => `${role}_${suffix}`)
    const [application = '', relay = '', consumer = ''] = users.map(account)
    names = { application, relay, consumer }
    for (const user of users)
      await target.run(
        dialect === 'postgres'
          ? [
              `create role ${quoted(user)} login password 'secret'`,
              // The schema of the test is the connection's own: `--schema` would have granted this.
              `do $$ begin execute format('grant usage on schema %I to %I', current_schema(), '${user}'); end $$`,
            ]
          : [`create user ${quoted(user)} identified by 'secret'`],
      )
  })
  afterEach(async () => {
    for (const user of users)
      await target.run(
        dialect === 'postgres'
          ? [`drop owned by ${quoted(user)}`, `drop role ${quoted(user)}`]
          : [`drop user ${quoted(user)}`],
      )
    await target[Symbol.asyncDispose]()
  })

  const urlOf = (user: string): string => {
    const url = new URL(target.url)
    url.username = user
    url.password = 'secret'
    return url.href
  }
  const connect = (user: string) => openDatabase({ dialect, url: urlOf(user) })
  const grant = async (): Promise<void> => {
    for (const { grants } of roleGrants(target.database.flavour, schema, names)) await target.run(grants)
  }
  const sourceOf = (user: string, warnings: string[] = []): Source =>
    (dialect === 'postgres' ? postgresSource : mysqlSource)({
      url: urlOf(user),
      cleanup: 'archive',
      retentionMs: 3_600_000,
      onWarning: (message) => warnings.push(message),
    })
  /** What a role may not do. */
  async function refuses(user: string, statements: readonly string[]): Promise<void> {
    const database = await connect(user)
    try {
      for (const statement of statements)
        await expect(database.query(statement), statement).rejects.toMatchObject({
          code: 'OUTBOX_DATABASE_FAILED',
          message: expect.stringMatching(/denied|must be owner/),
        })
    } finally {
      await database.close()
    }
  }

  test('with the granted rights, and no others, the whole path runs', async () => {
    await grant()
    const [app = '', relayUser = '', consumer = ''] = users
    const client = knex({ client: dialect === 'postgres' ? 'pg' : 'mysql2', connection: urlOf(app) })
    const db = withOutbox(client, { table: { uniqueId: true } })
    const publisher = memoryPublisher()
    const warnings: string[] = []
    const relay = createRelay({ source: sourceOf(relayUser, warnings), publisher })
    try {
      const id = await db.transaction((trx) => trx.emit(event))
      // A rolled back position: the relay has to prove that nobody fills it.
      await db
        .transaction(async (trx) => {
          await trx.emit(event)
          throw new Error('rolled back')
        })
        .catch(() => undefined)
      await db.transaction((trx) => trx.emit(event))
      const { published } = await relay.drain()
      expect(published).toBe(2)
      expect(publisher.messages()[0]?.event.id).toBe(id)
      expect(await target.database.query('select outcome from outbox_archive')).toHaveLength(2)
      expect(warnings.join()).not.toMatch(/grant/i)
    } finally {
      await relay.stop()
      await client.destroy()
    }
    const inbox = await connect(consumer)
    await inbox.query(
      "insert into outbox_inbox (consumer, id) values ('newsletter', '00000000-0000-7000-8000-000000000001')",
    )
    await inbox.query("delete from outbox_inbox where consumer = 'newsletter'")
    await inbox.close()
    await refuses(app, [
      'select * from outbox',
      'delete from outbox',
      'update outbox set type = type',
      'select * from outbox_lease',
      'insert into outbox_held (position) values (1)',
      'select * from outbox_inbox',
      'alter table outbox add column x int',
      'create table mine (x int)',
    ])
    await refuses(relayUser, [
      "insert into outbox (id, aggregatetype, type) values ('00000000-0000-7000-8000-000000000002', 'a', 'b')",
      'update outbox set type = type',
      'delete from outbox_lease',
      'update outbox_archive set type = type',
      'alter table outbox add column x int',
      'drop table outbox',
      'create table mine (x int)',
      'select * from outbox_inbox',
    ])
    await refuses(consumer, [
      'select * from outbox',
      'insert into outbox_inbox (consumer, id) select type, id from outbox',
    ])
  })

  test('the application ignores duplicates with the granted rights', async () => {
    await grant()
    const client = knex({
      client: dialect === 'postgres' ? 'pg' : 'mysql2',
      connection: urlOf(users[0] ?? ''),
    })
    const db = withOutbox(client, { table: { uniqueId: true }, onDuplicate: 'ignore' })
    const id = '00000000-0000-7000-8000-000000000003'
    await db.transaction((trx) => trx.emit({ ...event, id }))
    await db.transaction((trx) => trx.emit({ ...event, id }))
    await client.destroy()
    expect(await target.database.query('select id from outbox')).toHaveLength(1)
  })

  const rights: readonly (readonly [string, string])[] = [
    ['select', 'outbox'],
    ['delete', 'outbox'],
    ['update', 'outbox_lease'],
    ['insert', 'outbox_held'],
    ['delete', 'outbox_held'],
    ['insert', 'outbox_archive'],
  ]
  test('a right that the relay lacks is named as the GRANT that gives it', async () => {
    const [, relayUser = ''] = users
    for (const [right, name] of rights) {
      await grant()
      await target.run([`revoke ${right} on ${name} from ${quoted(relayUser)}`])
      const relay = createRelay({ source: sourceOf(relayUser), publisher: memoryPublisher() })
      const error = (await relay.start().catch((failure: unknown) => failure)) as Error
      await relay.stop()
      expect(error, `${right} on ${name}`).toBeInstanceOf(Error)
      expect(error.message.replaceAll(/["`]/g, '').toLowerCase()).toContain(`grant ${right} on `)
      const [, statement = ''] = /run: (grant [^;]*? to [^;\s]*)/i.exec(error.message) ?? []
      await target.run([statement.replace(/\.$/, '')])
      const again = createRelay({ source: sourceOf(relayUser), publisher: memoryPublisher() })
      await again.start()
      await again.stop()
    }
  })

  test('a right that a migration lacks is named as the GRANT that gives it', async () => {
    const [app = ''] = users
    // Without any right in it MySQL refuses the database itself.
    if (dialect === 'mysql') await target.run([`grant select on outbox to ${quoted(app)}`])
    const request = {
      table: { ...schema.table, name: 'second' },
      files: [
        {
          name: '0001_second',
          checksum: '',
          up: schemaSql(dialect, { name: 'second' }),
          down: [],
          schema: undefined,
        },
      ],
    }
    const granted: string[] = []
    // One right at a time, as a person would: until it runs.
    for (let attempt = 0; attempt < 8; attempt++) {
      // MySQL looks at the rights in a database when a session begins.
      const database = await connect(app)
      const error = await migrate({ ...request, database }).then(
        () => undefined,
        (failure: unknown) => failure as { code: string; message: string; details: { grant: string } },
      )
      await database.close()
      if (error === undefined) break
      expect(error.code).toBe('OUTBOX_PRIVILEGE_MISSING')
      expect(error.message).toContain(`Run: ${error.details.grant}`)
      granted.push(error.details.grant.replaceAll(/["`']/g, ''))
      await target.run([error.details.grant])
    }
    expect(granted[0]).toMatch(/^grant (usage, create on schema|create on) .* to /)
    expect(granted.length).toBeLessThan(8)
    expect(await target.tableNames()).toContain('second_held')
  })
})

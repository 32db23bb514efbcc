// What is sent and defined for MySQL, without a server.
import {
  renderStatement,
  questionPlaceholder,
  insertEvents,
  Outbox,
  tableDefinition,
  tableKinds,
} from '@outboxkit/core'
import { createEmit, mysqlOutboxTable, mysqlOutboxTables } from '@outboxkit/drizzle'
import { is, SQL } from 'drizzle-orm'
import { getTableConfig, MySqlDialect } from 'drizzle-orm/mysql-core'
import { describe, expect, test } from 'vitest'

const dialect = new MySqlDialect()

test('the INSERT is that of core, with text parameters', async () => {
  const sent: { sql: string; params: unknown[] }[] = []
  const tx = {
    dialect,
    rollback: () => {},
    execute: async (query: SQL) => {
      const { sql, params } = dialect.sqlToQuery(query)
      sent.push({ sql, params })
    },
  }
  const event = {
    id: '0190a000-0000-7000-8000-000000000000',
    type: 'a',
    aggregateType: 'order',
    aggregateId: 7,
    payload: { '?': '`' },
  }
  const id = await createEmit({ table: { name: 'out`box' } })(tx, event)
  const { table } = new Outbox({ table: { name: 'out`box' } })
  const [statement] = insertEvents(table, 'mysql', new Outbox().prepare([event]))
  expect(id).toBe(event.id)
  // Nothing is known of this driver, so savepoints show that the transaction is there.
  expect(sent.map(({ sql }) => sql.replace(/ \(.*/, ''))).toEqual([
    'savepoint outboxkit_0',
    'savepoint outboxkit_probe',
    'release savepoint outboxkit_probe',
    'insert into `out``box`',
  ])
  expect(sent[3]).toEqual({
    sql: renderStatement(statement!, questionPlaceholder),
    params: statement!.values,
  })
})

test('a question mark in a name is never a placeholder: the values are in the text', async () => {
  const sent: { sql: string; params: unknown[] }[] = []
  const tx = {
    dialect,
    rollback: () => {},
    execute: async (query: SQL) => void sent.push(dialect.sqlToQuery(query)),
  }
  const event = { type: "it's", aggregateType: 'order', aggregateId: null, payload: 'ä?' }
  await createEmit({ table: { name: 'out`box?' } })(tx, event)
  const { sql, params } = sent[3]!
  expect(params).toEqual([])
  expect(sql).toMatch(/^insert into `out``box\?` /)
  // Hexadecimal twice: as text that could change, and as text in a statement.
  const hex = (text: string): string => Buffer.from(text).toString('hex')
  expect(sql).toContain(
    `null, convert(unhex(convert(unhex('${hex(hex("it's"))}') using utf8mb4)) using utf8mb4)`,
  )
  expect(sql.split('?')).toHaveLength(2)
})

describe('the definitions of the tables', () => {
  const kinds = { outbox: 'outbox', outboxLease: 'lease', outboxHeld: 'held' } as const

  test('are all that core has', () => {
    expect(Object.values(kinds).toSorted()).toEqual(tableKinds.toSorted())
  })

  test.each(['outbox', 'outboxLease', 'outboxHeld'] as const)('%s is what core says', (name) => {
    const { table } = new Outbox({ table: { name: 'events' } })
    const definition = tableDefinition(table, kinds[name])
    const config = getTableConfig(mysqlOutboxTables({ name: 'events' })[name])
    expect(config.name).toBe(name === 'outbox' ? 'events' : `events_${kinds[name]}`)
    expect(
      config.columns.map((column) => ({
        name: column.name,
        type: column.getSQLType(),
        nullable: !column.notNull,
        primary: column.primary,
        identity: (column as { autoIncrement?: boolean }).autoIncrement === true,
        default: is(column.default, SQL)
          ? dialect.sqlToQuery(column.default).sql
          : (column.default as number | undefined)?.toString(),
      })),
    ).toEqual(
      definition.columns.map((column) => ({
        name: column.name,
        // drizzle-kit cannot say a character set, and would change it at every push.
        type: column.type.mysql.replace(/ character set .*/, ''),
        nullable: column.nullable,
        primary: definition.primaryKey.includes(column.name),
        identity: column.identity === true,
        default: column.default?.mysql,
      })),
    )
    expect(config.indexes.map(({ config: { name: index } }) => index)).toEqual(
      definition.indexes.map(({ suffix }) => `${config.name}_${suffix}`),
    )
  })

  test('in a database of its own', () => {
    expect(getTableConfig(mysqlOutboxTable({ schema: 'app' })).schema).toBe('app')
  })
})

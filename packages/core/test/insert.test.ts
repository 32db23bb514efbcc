import {
  createTablesSql,
  dollarPlaceholder,
  dropTablesSql,
  insertEvents,
  questionPlaceholder,
  quoteIdentifier,
  renderStatement,
  resolveTable,
  type PreparedEvent,
} from '@outboxkit/core'
import { describe, expect, test } from 'vitest'

const row = (payload = '{}'): PreparedEvent => ({
  id: '0190a8c0-1111-7222-8333-444444444444',
  aggregateType: 'order',
  aggregateId: '1',
  type: 'placed',
  payload,
  headers: null,
  topic: null,
})
const table = resolveTable({})

describe('the INSERT', () => {
  test('on PostgreSQL', () => {
    const [statement] = insertEvents(table, 'postgres', [row(), row()])
    expect(renderStatement(statement as never, dollarPlaceholder)).toBe(
      'insert into "outbox" ("id", "aggregatetype", "aggregateid", "type", "payload", "headers", "topic") values ' +
        '($1::text::uuid, $2::text, $3::text, $4::text, $5::text::json, $6::text::json, $7::text), ' +
        '($8::text::uuid, $9::text, $10::text, $11::text, $12::text::json, $13::text::json, $14::text)',
    )
    expect(statement?.values.slice(0, 7)).toEqual([row().id, 'order', '1', 'placed', '{}', null, null])
  })

  test('on MySQL', () => {
    const [statement] = insertEvents(table, 'mysql', [row()], 'error', true)
    expect(renderStatement(statement as never, questionPlaceholder)).toBe(
      'insert into `outbox` (`id`, `aggregatetype`, `aggregateid`, `type`, `payload`, `headers`, `topic`) values ' +
        '(?, ?, ?, ?, ?, ?, ?)',
    )
  })

  test('of bytes', () => {
    const bytes = resolveTable({ payload: 'bytes' })
    const render = (dialect: 'postgres' | 'mysql'): string =>
      renderStatement(insertEvents(bytes, dialect, [row('00')])[0] as never, dollarPlaceholder)
    expect(render('postgres')).toContain("decode($5::text, 'hex')")
    expect(render('mysql')).toContain('unhex($5)')
  })

  test('into a table whose name has quotes', () => {
    const named = resolveTable({ name: 'x";drop table y', schema: 's"' })
    const [statement] = insertEvents(named, 'postgres', [row()])
    expect(statement?.strings[0]).toMatch(/^insert into "s"""\."x"";drop table y" \(/)
  })

  test('is split by rows, in order', () => {
    const rows = Array.from({ length: 1201 }, (_, index) => ({ ...row(), type: String(index) }))
    const statements = insertEvents(table, 'postgres', rows)
    expect(statements.map(({ values }) => values.length / 7)).toEqual([500, 500, 201])
    expect(statements.flatMap(({ values }) => values.filter((_, index) => index % 7 === 3))).toEqual(
      rows.map(({ type }) => type),
    )
    for (const { strings, values } of statements) expect(strings).toHaveLength(values.length + 1)
  })

  test('is split by size; one that is larger goes alone', () => {
    const sizes = [900_000, 900_000, 900_000, 5_000_000, 10, 10]
    const statements = insertEvents(
      table,
      'postgres',
      sizes.map((size) => row('x'.repeat(size))),
    )
    expect(statements.map(({ values }) => values.length / 7)).toEqual([2, 1, 1, 2])
  })

  test.each([
    ['plain', 'x'.repeat(300_000), [3, 1]],
    // Every quote may be escaped with a backslash.
    ['quotes', '"'.repeat(300_000), [1, 1, 1, 1]],
    ['not ASCII', 'ä'.repeat(100_000), [2, 2]],
  ])('on MySQL, by bytes on the wire: %s', (_, payload, expected) => {
    const rows = Array.from({ length: 4 }, () => row(payload))
    const statements = insertEvents(table, 'mysql', rows, 'error', true)
    expect(statements.map(({ values }) => values.length / 7)).toEqual(expected)
  })

  test('on MySQL, of text that could change on its way: in hexadecimal', () => {
    const rows = [row('{"a":1}'), { ...row('7'), type: 'ä', topic: "it's" }]
    const render = (keepsBackslashes: boolean) => {
      const [statement] = insertEvents(table, 'mysql', rows, 'error', keepsBackslashes)
      return {
        sql: renderStatement(statement as never, questionPlaceholder),
        values: [statement?.values.slice(0, 7), statement?.values.slice(7)],
      }
    }
    const hex = 'convert(unhex(?) using utf8mb4)'
    const id = row().id
    expect(render(false)).toEqual({
      sql: expect.stringContaining(`values (?, ?, ?, ?, ${hex}, ?, ?), (?, ?, ?, ${hex}, ?, ?, ${hex})`),
      values: [
        [id, 'order', '1', 'placed', '7b2261223a317d', null, null],
        [id, 'order', '1', 'c3a4', '7', null, '69742773'],
      ],
    })
    expect(render(true)).toEqual({
      sql: expect.stringContaining(`values (?, ?, ?, ?, ?, ?, ?), (?, ?, ?, ${hex}, ?, ?, ?)`),
      values: [
        [id, 'order', '1', 'placed', '{"a":1}', null, null],
        [id, 'order', '1', 'c3a4', '7', null, "it's"],
      ],
    })
  })

  test('of nothing is nothing', () => {
    expect(insertEvents(table, 'postgres', [])).toEqual([])
  })
})

test('identifiers are quoted', () => {
  expect(quoteIdentifier('postgres', 'a"b`c')).toBe('"a""b`c"')
  expect(quoteIdentifier('mysql', 'a"b`c')).toBe('`a"b``c`')
})

describe('the tables', () => {
  test.each(['postgres', 'mysql'] as const)('on %s', (dialect) => {
    const sql = createTablesSql(dialect, { name: 'events', schema: 'app' })
    expect(sql.filter((statement) => statement.startsWith('create table'))).toHaveLength(3)
    expect(sql.join('\n')).toMatch(/events_lease/)
    expect(sql.every((statement) => !statement.includes(';'))).toBe(true)
    expect(dropTablesSql(dialect, { name: 'events' })).toHaveLength(3)
  })
})

test.each(['mariadb', 'mysql2', 'pg', undefined])('a dialect that is not ours (%s) is refused', (dialect) => {
  for (const make of [createTablesSql, dropTablesSql])
    expect(() => make(dialect as never)).toThrow("needs the dialect 'postgres' or 'mysql'")
})

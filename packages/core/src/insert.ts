import type { PreparedEvent } from './prepare.js'
import { quoteIdentifier, type Dialect, type SqlStatement, type SqlValue } from './statement.js'
import { qualifiedName, type OutboxTable } from './table.js'

// 7 parameters a row: 500 rows stay far below every driver's limit (Prisma 32,767; PostgreSQL and MySQL 65,535).
const maxRows = 500
// A statement stays well below MySQL's smallest usual max_allowed_packet.
const maxCharacters = 2_000_000

/** What happens when the id of an event is in the table already, where the table has a unique index on it. */
export type DuplicatePolicy = 'error' | 'ignore'

// MySQL's INSERT IGNORE would hide other errors as well.
const ignoreDuplicates: Readonly<Record<Dialect, string>> = {
  postgres: ' on conflict ("id") do nothing',
  mysql: ' on duplicate key update `id` = `id`',
}

const columns = ['id', 'aggregatetype', 'aggregateid', 'type', 'payload', 'headers', 'topic'] as const

/**
 * The one INSERT: multi-row, in order, split where it would grow too large. Every parameter is text with a cast
 * in SQL, so that each ORM and driver sends the same bytes and guesses no type.
 */
export function insertEvents(
  table: OutboxTable,
  dialect: Dialect,
  events: readonly PreparedEvent[],
  onDuplicate: DuplicatePolicy = 'error',
): SqlStatement[] {
  return chunk(events).map((rows) => insertStatement(table, dialect, rows, onDuplicate))
}

function chunk(events: readonly PreparedEvent[]): PreparedEvent[][] {
  const chunks: PreparedEvent[][] = []
  let characters = Infinity
  for (const event of events) {
    const current = chunks.at(-1)
    if (
      current === undefined ||
      current.length === maxRows ||
      characters + event.payload.length > maxCharacters
    ) {
      chunks.push([event])
      characters = event.payload.length
    } else {
      current.push(event)
      characters += event.payload.length
    }
  }
  return chunks
}

function insertStatement(
  table: OutboxTable,
  dialect: Dialect,
  rows: readonly PreparedEvent[],
  onDuplicate: DuplicatePolicy,
): SqlStatement {
  const names = columns.map((column) => quoteIdentifier(dialect, column)).join(', ')
  const casts = parameterCasts(table, dialect)
  const strings: string[] = []
  const values: SqlValue[] = []
  let text = `insert into ${qualifiedName(table, dialect)} (${names}) values `
  for (const row of rows) {
    rowValues(row).forEach((value, index) => {
      const cast = casts[index] ?? ['', '']
      strings.push(`${text}${index === 0 ? '(' : ''}${cast[0]}`)
      values.push(value)
      text = index === columns.length - 1 ? `${cast[1]}), ` : `${cast[1]}, `
    })
  }
  strings.push(text.slice(0, -2) + (onDuplicate === 'ignore' ? ignoreDuplicates[dialect] : ''))
  return { strings, values }
}

function rowValues(row: PreparedEvent): SqlValue[] {
  return [row.id, row.aggregateType, row.aggregateId, row.type, row.payload, row.headers, row.topic]
}

/** Text before and after each parameter. */
function parameterCasts(table: OutboxTable, dialect: Dialect): readonly (readonly [string, string])[] {
  const plain = ['', ''] as const
  if (dialect === 'mysql')
    return [plain, plain, plain, plain, table.payload === 'bytes' ? ['unhex(', ')'] : plain, plain, plain]
  const text = ['', '::text'] as const
  // ::text first: Drizzle 1.0 on postgres-js encodes a bare ::json parameter twice.
  const json = ['', '::text::json'] as const
  return [
    ['', '::text::uuid'],
    text,
    text,
    text,
    table.payload === 'bytes' ? ['decode(', "::text, 'hex')"] : json,
    json,
    text,
  ]
}

/** Locks a key for the rest of the transaction, so that its events get their positions in lock order. */
export function lockKeyStatement(scope: string): SqlStatement {
  return { strings: ['select pg_advisory_xact_lock(hashtextextended(', '::text, 7274496))'], values: [scope] }
}

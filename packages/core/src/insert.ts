import type { PreparedEvent } from './prepare.js'
import { quoteIdentifier, type Dialect, type SqlStatement, type SqlValue } from './statement.js'
import { qualifiedName, type OutboxTable } from './table.js'

// 7 parameters a row: 500 rows stay far below every driver's limit (Prisma 32,767; PostgreSQL and MySQL 65,535).
const maxRows = 500
// On MySQL a statement stays below the smallest max_allowed_packet that has ever been a default (1 MiB).
const maxBytes: Readonly<Record<Dialect, number>> = { postgres: 2_000_000, mysql: 1_000_000 }

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
 *
 * `keepsBackslashes` (MySQL): see {@link SqlExecutor.keepsBackslashes}.
 */
export function insertEvents(
  table: OutboxTable,
  dialect: Dialect,
  events: readonly PreparedEvent[],
  onDuplicate: DuplicatePolicy = 'error',
  keepsBackslashes = false,
): SqlStatement[] {
  const casts = parameterCasts(table, dialect)
  const rows = events.map((event) => {
    const parameters = rowValues(event).map((value, index): Parameter => {
      const [before, after] = casts[index] ?? plain
      return dialect === 'mysql'
        ? mysqlParameter(value, before, after, keepsBackslashes)
        : { before, value, after, bytes: value?.length ?? 0 }
    })
    return parameters
  })
  return chunk(rows, maxBytes[dialect]).map((chunkRows) =>
    insertStatement(table, dialect, chunkRows, onDuplicate),
  )
}

/** A value with the SQL around it. */
interface Parameter {
  readonly before: string
  readonly value: SqlValue
  readonly after: string
  /** On the wire, not less than it is. */
  readonly bytes: number
}

/** In order; a row that is larger than a statement should be goes alone. */
function chunk(rows: readonly Parameter[][], limit: number): Parameter[][][] {
  const chunks: Parameter[][][] = []
  let bytes = Infinity
  for (const row of rows) {
    const size = row.reduce((sum, parameter) => sum + parameter.bytes, 0)
    const current = chunks.at(-1)
    if (current === undefined || current.length === maxRows || bytes + size > limit) {
      chunks.push([row])
      bytes = size
    } else {
      current.push(row)
      bytes += size
    }
  }
  return chunks
}

function insertStatement(
  table: OutboxTable,
  dialect: Dialect,
  rows: readonly Parameter[][],
  onDuplicate: DuplicatePolicy,
): SqlStatement {
  const names = columns.map((column) => quoteIdentifier(dialect, column)).join(', ')
  const strings: string[] = []
  const values: SqlValue[] = []
  let text = `insert into ${qualifiedName(table, dialect)} (${names}) values `
  for (const row of rows)
    row.forEach(({ before, value, after }, index) => {
      strings.push(`${text}${index === 0 ? '(' : ''}${before}`)
      values.push(value)
      text = index === columns.length - 1 ? `${after}), ` : `${after}, `
    })
  strings.push(text.slice(0, -2) + (onDuplicate === 'ignore' ? ignoreDuplicates[dialect] : ''))
  return { strings, values }
}

function rowValues(row: PreparedEvent): SqlValue[] {
  return [row.id, row.aggregateType, row.aggregateId, row.type, row.payload, row.headers, row.topic]
}

const plain = ['', ''] as const
// Needs neither escaping nor a character set.
const printable = /^[ !#-&(-[\]-~]*$/
// oxlint-disable-next-line no-control-regex -- all of ASCII
const ascii = /^[\x00-\x7f]*$/

/**
 * On MySQL text can change on its way: a connection whose character set is not utf8mb4 makes question marks of what
 * it does not know, and under NO_BACKSLASH_ESCAPES drivers that escape with backslashes send something else. Digits
 * of a hexadecimal number come through everywhere.
 */
function mysqlParameter(
  value: SqlValue,
  before: string,
  after: string,
  keepsBackslashes: boolean,
): Parameter {
  if (value === null || printable.test(value))
    return { before, value, after, bytes: (value?.length ?? 2) + 4 }
  // Where everything has to be escaped it is twice as long.
  if (keepsBackslashes && ascii.test(value)) return { before, value, after, bytes: 2 * value.length + 4 }
  const hex = Buffer.from(value).toString('hex')
  return {
    before: `${before}convert(unhex(`,
    value: hex,
    after: `) using utf8mb4)${after}`,
    bytes: hex.length + 40,
  }
}

/** Text before and after each parameter. */
function parameterCasts(table: OutboxTable, dialect: Dialect): readonly (readonly [string, string])[] {
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

import { OutboxError } from '@outboxkit/core'

/** Runs one statement without parameters and returns its rows as objects. */
export type RunStatement = (sql: string) => Promise<readonly Readonly<Record<string, unknown>>[]>

/**
 * Something that runs SQL: a function, or a handle of an ORM or a driver that has one of these methods. Structural,
 * so that none of them has to be imported.
 */
export type QueryTarget =
  | RunStatement
  /** Prisma. */
  | { readonly $queryRawUnsafe: (sql: string) => PromiseLike<unknown> }
  /** Knex. */
  | { readonly raw: (sql: string) => PromiseLike<unknown> }
  /** A pool or client of `pg` or `mysql2/promise`. */
  | { readonly query: (sql: string) => PromiseLike<unknown> }
  /** Drizzle. */
  | { readonly execute: (sql: string) => PromiseLike<unknown> }

// In this order: a handle of mysql2 has `execute` as well, which prepares.
const methods = ['$queryRawUnsafe', 'raw', 'query', 'execute'] as const

/** Throws `OUTBOX_OPTION_INVALID` for a handle that runs no SQL. */
export function queryOf(target: QueryTarget): RunStatement {
  const handle = target as Readonly<Record<string, unknown>>
  for (const method of methods) {
    // Of a function too: an instance of Knex is one.
    if (typeof handle?.[method] !== 'function') continue
    return async (sql) => rowsOf(await (handle[method] as (sql: string) => PromiseLike<unknown>)(sql))
  }
  if (typeof target === 'function') return target
  throw new OutboxError(
    'OUTBOX_OPTION_INVALID',
    'The database must be a handle of Prisma, Drizzle, Knex, pg or mysql2/promise, or a function that runs a statement and returns its rows.',
  )
}

/** `pg` answers `{ rows }`, `mysql2` `[rows, fields]`, Prisma and postgres.js the rows. */
function rowsOf(answer: unknown): readonly Readonly<Record<string, unknown>>[] {
  const { rows } = answer as { rows?: unknown }
  const found = Array.isArray(rows) ? rows : answer
  if (!Array.isArray(found)) return []
  return Array.isArray(found[0]) ? found[0] : found
}

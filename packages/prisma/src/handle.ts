import {
  dollarPlaceholder,
  OutboxError,
  questionPlaceholder,
  renderStatement,
  type Dialect,
  type SqlExecutor,
  type SqlStatement,
} from '@outboxkit/core'
import { proofOf } from './unbroken.js'

/**
 * The parts of a Prisma client that the adapter touches, on every supported version and with both generators.
 * Described here so that `@prisma/client` is not needed at run time.
 */
export interface PrismaHandle {
  /** The provider of schema.prisma's datasource. Not in Prisma's types; there since 4.0. */
  readonly _activeProvider?: unknown
  /** What holds the connections; a client and its extensions share it. Not in Prisma's types. */
  readonly _engine?: unknown
  readonly $connect?: unknown
  readonly $disconnect?: unknown
  readonly $executeRawUnsafe: (sql: string, ...values: (string | null)[]) => PrismaOperation<number>
  /** Missing on a transaction before Prisma 7.5, which has savepoints. */
  readonly $transaction?: (work: unknown, options?: unknown) => Promise<unknown>
  readonly $extends: (extension: unknown) => PrismaHandle
}

/** Prisma's PrismaPromise: runs when awaited, or as one statement of a batch. */
export interface PrismaOperation<T> extends Promise<T> {
  readonly [Symbol.toStringTag]: 'PrismaPromise'
  requestTransaction(batch: unknown): PromiseLike<T>
}

const dialects: Readonly<Record<string, Dialect>> = {
  postgresql: 'postgres',
  postgres: 'postgres',
  mysql: 'mysql',
}

/**
 * Which SQL a client speaks; `provider` is the option of that name. Throws `OUTBOX_HANDLE_UNSUPPORTED` for what
 * is no Prisma client, and for every database but PostgreSQL, MySQL and MariaDB.
 */
export function dialectOf(handle: PrismaHandle, provider?: string): Dialect {
  if (typeof (handle as PrismaHandle | null | undefined)?.$executeRawUnsafe !== 'function')
    throw new OutboxError('OUTBOX_HANDLE_UNSUPPORTED', 'This is neither a PrismaClient nor its transaction.')
  const name = provider ?? handle._activeProvider
  const dialect = typeof name === 'string' && Object.hasOwn(dialects, name) ? dialects[name] : undefined
  if (dialect !== undefined) return dialect
  throw new OutboxError(
    'OUTBOX_HANDLE_UNSUPPORTED',
    typeof name === 'string'
      ? `The outbox works with Prisma on PostgreSQL, MySQL and MariaDB; this client's provider is '${name}'.`
      : "This Prisma client does not tell its provider. Set the option provider to 'postgresql' or 'mysql'.",
    { details: { provider: String(name) } },
  )
}

/**
 * What tells a transaction is what Prisma takes away from it. Not `$transaction`: since 7.5 transactions have
 * it as well.
 */
export function isTransaction(handle: PrismaHandle): boolean {
  return typeof handle.$connect !== 'function' && typeof handle.$disconnect !== 'function'
}

/** One statement as an operation of Prisma's that has not been sent yet. */
export function operationOf(
  handle: PrismaHandle,
  dialect: Dialect,
  statement: SqlStatement,
): PrismaOperation<number> {
  const sql = renderStatement(statement, dialect === 'postgres' ? dollarPlaceholder : questionPlaceholder)
  return handle.$executeRawUnsafe(sql, ...statement.values)
}

/**
 * Carries statements into a transaction, whose handle may become known later than the executor.
 *
 * Prisma itself rejects a statement on an ended transaction (P2028), so `assertOpen` is not needed. Nothing in
 * it tells whether a statement has failed - it even calls a COMMIT that the server answered with ROLLBACK a
 * success - so `isHealthy` is left out, and the server is asked before COMMIT.
 *
 * `seesEnd`: the caller is going to tell of the end of the transaction.
 */
export function executorOf(dialect: Dialect, tx: () => PrismaHandle, seesEnd: boolean): SqlExecutor {
  // Awaited here: an operation of Prisma's starts only when somebody does.
  const execute = async (statement: SqlStatement): Promise<unknown> =>
    await operationOf(tx(), dialect, statement)
  if (dialect === 'postgres') return { dialect, execute }
  return {
    dialect,
    execute,
    assertUnbroken(before) {
      const proof = proofOf(tx())
      return before === 'commit' ? proof.beforeCommit() : proof.beforeInsert(seesEnd)
    },
  }
}

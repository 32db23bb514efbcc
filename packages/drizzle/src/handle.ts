import {
  ConnectionWatch,
  inlineStatement,
  mysql2Members,
  OutboxError,
  type Dialect,
  type SqlExecutor,
  type SqlStatement,
  type WatchedTransaction,
} from '@outboxkit/core'
import { sql, type SQL } from 'drizzle-orm'

export type TransactionBody = (tx: DrizzleHandle) => Promise<unknown>

/** A Drizzle database or transaction, as far as we read it: plain properties only, which proxies pass on. */
export interface DrizzleHandle {
  readonly dialect?: object
  readonly session?: object
  readonly rollback?: unknown
  execute(query: SQL): PromiseLike<unknown>
  transaction(body: TransactionBody, ...config: unknown[]): Promise<unknown>
}

/** What newer releases of node-postgres (8.18 and later) tell about a connection. */
interface DriverClient {
  readonly readyForQuery?: boolean
  getTransactionStatus?(): string | null
}

// Never `is(handle, Class)`: the classes have other names in 1.0, and there may be two copies of Drizzle.
const entityKind = Symbol.for('drizzle:entityKind')

const dialects: Readonly<Record<string, Dialect>> = { PgDialect: 'postgres', MySqlDialect: 'mysql' }

/** Drivers over HTTP, and bridges, that cannot hold a transaction open. */
const withoutTransactions: ReadonlySet<string> = new Set([
  'NeonHttpSession',
  'PostgresHttpSession',
  'XataHttpSession',
  'PgRemoteSession',
  'MySqlRemoteSession',
  'PrismaPgSession',
  'PrismaMySqlSession',
  'EffectPgSession',
  'EffectMysql2Session',
])

/** The database family of a handle. Throws `OUTBOX_HANDLE_UNSUPPORTED` for what cannot work. */
export function dialectOf(handle: DrizzleHandle): Dialect {
  const kind = kindOf(handle?.dialect)
  const dialect = kind === undefined ? undefined : dialects[kind]
  if (dialect === undefined)
    throw new OutboxError(
      'OUTBOX_HANDLE_UNSUPPORTED',
      kind === undefined
        ? 'This is no Drizzle handle. Pass what drizzle() returned, or a transaction of it.'
        : `Outboxkit supports Drizzle on PostgreSQL and MySQL; this handle's dialect is ${kind}.`,
    )
  const session = kindOf(handle.session)
  if (session !== undefined && withoutTransactions.has(session))
    throw new OutboxError(
      'OUTBOX_HANDLE_UNSUPPORTED',
      `This Drizzle driver (${session}) has no interactive transactions, so an event cannot be written together with your data. Use a driver that holds a connection, such as node-postgres, postgres.js, neon-serverless (WebSocket) or mysql2.`,
    )
  return dialect
}

/** Only transactions have rollback(). */
export function isTransaction(handle: DrizzleHandle | null | undefined): boolean {
  return typeof handle?.rollback === 'function' && typeof handle.execute === 'function'
}

/** What becomes known of a transaction while Drizzle opens it. */
export interface Opened {
  tx: DrizzleHandle
  /** MySQL and MariaDB. */
  watched?: WatchedTransaction | undefined
}

/**
 * Carries statements into the transaction `opened.tx`, which may be known only later (savepoints). `outer`: of the
 * transaction that this one is nested in.
 */
export function executorOf(dialect: Dialect, opened: Opened, outer?: SqlExecutor): SqlExecutor {
  const execute = async (statement: SqlStatement): Promise<unknown> =>
    opened.tx.execute(toSql(statement, dialect))
  if (dialect === 'postgres') return { dialect, execute, ...postgresMembers(opened) }
  const members = mysql2Members(() => opened.watched, execute)
  if (outer === undefined) return { dialect, execute, ...members }
  // On the connection there is one transaction, which is the outermost.
  return {
    dialect,
    execute,
    ...members,
    assertOpen: () => outer.assertOpen?.(),
    assertUnbroken: () => outer.assertUnbroken?.(),
  }
}

/** The same for a transaction that was opened past the wrapper. */
export function foreignExecutorOf(dialect: Dialect, tx: DrizzleHandle): SqlExecutor {
  if (dialect === 'postgres') return executorOf(dialect, { tx })
  // With a pool every transaction has a session of its own, and so has no other one.
  const key = tx.session ?? tx
  const opened: Opened = foreign.get(key) ?? { tx }
  foreign.set(key, opened)
  const executor = executorOf(dialect, opened)
  return {
    ...executor,
    assertUnbroken() {
      const watch = watchOf(tx)
      if (opened.watched !== undefined || watch === undefined) return executor.assertUnbroken?.()
      const found = mysql2Members(
        () => ({ watch, epoch: undefined }),
        (statement) => executor.execute(statement),
      ).assertUnbroken()
      const remember = (): true => {
        opened.watched = { watch, epoch: watch.epoch }
        return true
      }
      return found === true ? remember() : Promise.resolve(found).then(remember)
    },
  }
}

const foreign = new WeakMap<object, Opened>()

/** Of mysql2's connection below a transaction; undefined for another driver. */
export function watchOf(tx: DrizzleHandle): ConnectionWatch | undefined {
  return ConnectionWatch.of((tx.session as { client?: unknown } | undefined)?.client)
}

function postgresMembers(opened: Opened): Pick<SqlExecutor, 'assertOpen' | 'isHealthy' | 'isBusy'> {
  return {
    assertOpen: () => {
      if (statusOf(opened.tx) === 'I')
        throw new OutboxError(
          'OUTBOX_TRANSACTION_ENDED',
          'emit() was called on a transaction that has ended: its connection is outside of any transaction.',
        )
    },
    // postgres.js does not tell: it notices failed statements itself, but only those that were awaited.
    isHealthy: () => statusOf(opened.tx) === 'T',
    isBusy: () =>
      (opened.tx.session as { client?: DriverClient } | undefined)?.client?.readyForQuery === false,
  }
}

/** node-postgres: I (outside a transaction), T (inside), E (inside, failed); undefined when it is not known. */
function statusOf(handle: DrizzleHandle): string | undefined {
  const { client } = (handle.session ?? {}) as { client?: DriverClient }
  // With a query under way the status is that of the one before it.
  return client?.readyForQuery === true ? (client.getTransactionStatus?.() ?? undefined) : undefined
}

/** A SqlStatement has the shape of a tagged template, so Drizzle's tag takes it as it is. */
function toSql(statement: SqlStatement, dialect: Dialect): SQL {
  const { strings, values } = statement
  if (dialect === 'mysql' && strings.some((text) => text.includes('?')))
    return sql.raw(inlineStatement(statement))
  return sql(Object.assign([...strings], { raw: strings }), ...values)
}

function kindOf(object: object | undefined): string | undefined {
  const kind = (object?.constructor as { [entityKind]?: unknown } | undefined)?.[entityKind]
  return typeof kind === 'string' ? kind : undefined
}

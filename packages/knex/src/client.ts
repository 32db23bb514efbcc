import { OutboxError, type Dialect } from '@outboxkit/core'

/**
 * The parts of Knex that the hook touches and its type declarations leave out. Checked against the oldest and
 * the newest supported version by the adapter's test suite.
 */
export interface KnexClient {
  readonly driverName?: string
  readonly dialect?: string
  transaction: (container: Container, config?: unknown, outerTx?: unknown) => KnexTransaction
  /** Of a transaction's client: gives its connection. */
  acquireConnection?: () => Promise<unknown>
}

export type Container = (trx: KnexTransactor) => unknown

/** Knex' Transaction: the facade of a promise that owns BEGIN, COMMIT and ROLLBACK. */
export interface KnexTransaction extends PromiseLike<unknown> {
  asCallback(callback: (error: Error | null, value: unknown) => void): Promise<unknown>
  catch(onRejected?: ((error: unknown) => unknown) | null): Promise<unknown>
  finally(onFinally?: (() => void) | null): Promise<unknown>
  isCompleted(): boolean
  begin(connection: unknown): Promise<unknown>
  savepoint(connection: unknown): Promise<unknown>
  commit(connection: unknown, value?: unknown): Promise<unknown>
  release(connection: unknown, value?: unknown): Promise<unknown>
  rollback(connection: unknown, error?: unknown): Promise<unknown>
  rollbackTo(connection: unknown, error?: unknown): Promise<unknown>
}

/** What the application calls `knex`: a function that is an EventEmitter as well. */
export interface KnexHandle {
  readonly client: KnexClient
  readonly isTransaction?: boolean
  emit: (event: string | symbol, ...args: unknown[]) => boolean
  listenerCount(event: string | symbol): number
  withUserParams: (params: Record<string, unknown>) => KnexHandle
}

/** What the application calls `trx`. */
export interface KnexTransactor extends KnexHandle {
  isCompleted(): boolean
  raw(sql: string, bindings?: readonly (string | null)[]): PromiseLike<unknown>
}

const dialects: Readonly<Record<string, Dialect>> = {
  pg: 'postgres',
  pgnative: 'postgres',
  mysql: 'mysql',
  mysql2: 'mysql',
}

/** Throws `OUTBOX_HANDLE_UNSUPPORTED` for everything but PostgreSQL, MySQL and MariaDB. */
export function dialectOf(client: KnexClient | undefined): Dialect {
  // CockroachDB and Redshift inherit from the PostgreSQL client: only the driver's own name tells.
  const name = client?.driverName ?? client?.dialect ?? 'none'
  const dialect = Object.hasOwn(dialects, name) ? dialects[name] : undefined
  if (dialect !== undefined) return dialect
  throw new OutboxError(
    'OUTBOX_HANDLE_UNSUPPORTED',
    `The outbox works with Knex on PostgreSQL (pg), MySQL and MariaDB (mysql2, mysql); this instance uses '${name}'.`,
    { details: { client: name } },
  )
}

import { setTimeout as sleep } from 'node:timers/promises'
import { createTablesSql, isOutboxError, type OutboxEvent, type OutboxOptions } from '@outboxkit/core'
import { withOutbox } from '@outboxkit/prisma'
import { createConnection } from 'mysql2/promise'
import { inject } from 'vitest'
import { freshDatabase, type FreshDatabase } from '../../../../test-matrix/services/test-context.js'
import { clientsOf, type TestClient, type TestNestableTx } from './open.js'
import { mysqlOrderTables } from './schemas.js'
import { mysqlServers, targets, type Target } from './targets.js'

export type Tx = Omit<TestNestableTx, '$transaction'> & {
  emit(event: OutboxEvent | OutboxEvent[]): Promise<string>
  afterCommit(hook: () => unknown): void
  $transaction<R>(body: (tx: Tx) => Promise<R>): Promise<R>
}
export type Db = Omit<TestClient, '$transaction'> & {
  $transaction<R>(body: (tx: Tx) => Promise<R>, options?: object): Promise<R>
  $transaction(operations: readonly unknown[]): Promise<unknown[]>
}

/** Newest and oldest Prisma on each server. */
export const grid = mysqlServers.flatMap((server) =>
  [targets['prisma 7, prisma-client, mysql'], targets['prisma 6.16, prisma-client, mysql']].map((target) => ({
    name: `${target.name}, ${server.name}`,
    server,
    target,
  })),
)
export type Cell = (typeof grid)[number]

/** A database with the tables, a client on it, and the oracle that reads it without Prisma. */
export interface MysqlPlace {
  readonly database: FreshDatabase
  /** Closed with the place. `more`: options of the driver; `options`: those of the driver adapter. */
  open(more?: object, options?: object): TestClient
  wrap(client: TestClient, options?: OutboxOptions): Db
  /** Types of the stored events, and skus of the orders but those of `clear`. */
  stored(): Promise<{ events: string[]; orders: string[] }>
  /** Leaves the orders `left` and `right`: rows to deadlock on, older than any snapshot of a test. */
  clear(): Promise<void>
  drop(): Promise<void>
}

export async function makePlace(target: Target, server: Cell['server']): Promise<MysqlPlace> {
  const url = inject(server.key)
  const database = await freshDatabase(url, 'prisma')
  for (const sql of [...createTablesSql('mysql'), ...mysqlOrderTables]) await database.query(sql)
  const clients = await clientsOf(target)
  const opened: TestClient[] = []
  return {
    database,
    open(more, options) {
      const client = clients.open(url, database.database, more, options)
      opened.push(client)
      return client
    },
    wrap: (client, options = {}) => withOutbox(client, options) as unknown as Db,
    async stored() {
      const events = await database.query<{ type: string }>('select type from outbox order by position')
      const orders = await database.query<{ sku: string }>(
        "select sku from `Order` where sku not in ('left', 'right') order by id",
      )
      return { events: events.map(({ type }) => type), orders: orders.map(({ sku }) => sku) }
    },
    async clear() {
      for (const table of ['outbox', '`Item`', '`Order`']) await database.query(`delete from ${table}`)
      await database.query("insert into `Order` (sku) values ('left'), ('right')")
    },
    async drop() {
      for (const client of opened) await client.$disconnect()
      await database.drop()
    },
  }
}

export const event = (type: string): OutboxEvent => ({
  aggregateType: 'order',
  aggregateId: 1,
  type,
  payload: {},
})

/** The error's code, or `committed`. */
export const outcome = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => 'committed',
    (error: unknown) =>
      isOutboxError(error) ? error.code : ((error as { code?: string }).code ?? (error as Error).message),
  )

/**
 * Makes the next statement of `tx` the victim of a deadlock and swallows its error: the other transaction has
 * written more, and InnoDB rolls back the one that has written less.
 */
export async function swallowDeadlock({ database }: MysqlPlace, tx: Pick<Tx, 'order'>): Promise<unknown> {
  const other = await createConnection(database.url)
  try {
    await other.query('begin')
    await other.query("update `Order` set total = 1 where sku = 'right'")
    for (let row = 0; row < 20; row++)
      await other.query('insert into `Order` (sku) values (?)', [`heavy ${row}`])
    await tx.order.updateMany({ where: { sku: 'left' }, data: { total: 2 } })
    const waiting = other.query("update `Order` set total = 1 where sku = 'left'")
    await untilWaiting(database)
    const error: unknown = await tx.order.updateMany({ where: { sku: 'right' }, data: { total: 2 } }).then(
      () => undefined,
      (failure: unknown) => failure,
    )
    await waiting
    return error
  } finally {
    await other.query('rollback')
    await other.end()
  }
}

/** Not innodb_trx: its answer stays what it was while anybody asks more often than every 100 ms. */
async function untilWaiting(database: FreshDatabase): Promise<void> {
  for (const deadline = performance.now() + 30_000; performance.now() < deadline; await sleep(10)) {
    const rows = await database.query(
      "select 1 from information_schema.processlist where db = ? and info like 'update%total = 1%left%'",
      [database.database],
    )
    if (rows.length > 0) return
  }
  throw new Error('The other transaction waits for no lock.')
}

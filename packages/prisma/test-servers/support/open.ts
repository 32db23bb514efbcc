import { loadClient, type GeneratedClient } from './generate.js'
import { requireOf, type Target } from './targets.js'

/**
 * A generated client, as far as the tests use it: tests must compile where none is generated. The generated
 * types have tests of their own.
 */
export interface TestTx {
  readonly order: {
    create(input: { data: { sku: string; total?: number } }): Operation<{ id: number; sku: string }>
    count(): Operation<number>
    updateMany(input: { where: { sku: string }; data: { total: number } }): Operation<unknown>
  }
  readonly business: { create(input: { data: { id: string; parent: string | null } }): Operation<unknown> }
  readonly outboxEvent: { findMany(input?: object): Operation<Record<string, unknown>[]> }
  $executeRawUnsafe(query: string, ...values: unknown[]): Operation<number>
  $queryRawUnsafe<T>(query: string, ...values: unknown[]): Operation<T>
}
export interface TestNestableTx extends TestTx {
  $transaction<R>(body: (tx: TestNestableTx) => Promise<R>): Promise<R>
}
export interface TestClient extends TestTx {
  $transaction(operations: readonly PromiseLike<unknown>[]): Promise<unknown[]>
  $transaction<R>(body: (tx: TestNestableTx) => Promise<R>, options?: { timeout?: number }): Promise<R>
  $extends(extension: unknown): TestClient
  $connect(): Promise<void>
  $disconnect(): Promise<void>
  $on(event: string, listener: (event: { query: string }) => void): unknown
}
interface Operation<T> extends Promise<T> {
  readonly [Symbol.toStringTag]: 'PrismaPromise'
}

interface AdapterModule {
  readonly PrismaPg: new (config: object, options: object) => unknown
  readonly PrismaMariaDb: new (config: object, options: object) => unknown
}

/** Opens clients of a target. `more`: options of the driver's connections; `options`: those of the driver adapter. */
export async function clientsOf(target: Target): Promise<{
  Prisma: GeneratedClient['Prisma']
  open(url: string, schema: string, more?: object, options?: object): TestClient
}> {
  const { Prisma, PrismaClient } = await loadClient(target)
  const adapterOf = target.provider === 'postgresql' ? postgresAdapter : mysqlAdapter
  return {
    Prisma,
    open: (url, schema, more = {}, options = {}) =>
      new PrismaClient({
        adapter: adapterOf(target, url, schema, more, options),
        log: [{ emit: 'event', level: 'query' }],
        transactionOptions: { maxWait: 30_000, timeout: 30_000 },
      }),
  }
}

/** Raw SQL ignores the adapter's `schema`, so the search path is set as well. */
function postgresAdapter(
  target: Target,
  url: string,
  schema: string,
  more: object,
  options: object,
): unknown {
  const { PrismaPg } = requireOf(target)('@prisma/adapter-pg') as AdapterModule
  const connection = new URL(url)
  connection.searchParams.set('options', `-c search_path=${schema}`)
  return new PrismaPg({ connectionString: connection.href, max: 5, ...more }, { schema, ...options })
}

function mysqlAdapter(target: Target, url: string, schema: string, more: object, options: object): unknown {
  const { PrismaMariaDb } = requireOf(target)('@prisma/adapter-mariadb') as AdapterModule
  const { hostname, port, username, password } = new URL(url)
  const connection = {
    host: hostname,
    port: Number(port),
    user: decodeURIComponent(username),
    password: decodeURIComponent(password),
    allowPublicKeyRetrieval: true,
    database: schema,
    connectionLimit: 5,
    ...more,
  }
  return new PrismaMariaDb(connection, options)
}

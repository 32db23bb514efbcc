// Where an adapter knows nothing of the connection, core proves by savepoints that a transaction is still the one that
// was opened. Here through a small adapter of plain mysql2, on both servers.
import {
  emitFunction,
  Outbox,
  questionPlaceholder,
  renderStatement,
  runInScope,
  TransactionScope,
  type OutboxOptions,
  type SqlExecutor,
} from '@outboxkit/core'
import {
  mysqlAdapterSuite,
  type MysqlAdapterHarness,
  type PlainTransactionUnderTest,
  type TransactionUnderTest,
} from '@outboxkit/testing/conformance'
import { createPool, type Pool, type PoolConnection } from 'mysql2/promise'
import { mariadbDatabase, mysqlDatabase, withDatabase, type SuiteDatabase } from './databases.js'

for (const database of [mysqlDatabase(), mariadbDatabase()]) mysqlAdapterSuite(harnessOf(database))

function harnessOf(database: SuiteDatabase): MysqlAdapterHarness {
  return {
    name: `plain mysql2, ${database.name}`,
    dialect: 'mysql',
    capabilities: {
      nested: true,
      batch: { missing: 'this adapter has none' },
      seesPlainEnd: { missing: 'this adapter looks at nothing' },
      ...database.capabilities,
    },
    query: database.query,
    seesEarlyCommit: { missing: 'savepoints are gone after a rollback as well' },
    raw: async (handle, sql) => await (handle as PoolConnection).query(sql),
    async open({ schema, options }) {
      const pool = createPool({ uri: withDatabase(database.url, schema), connectionLimit: 5 })
      const outbox = new Outbox(options)
      return {
        handle: pool,
        transaction: (body) =>
          withConnection(pool, async (connection) => {
            const scope = new TransactionScope(outbox, executorOf(connection))
            const result = await ended(connection, 'commit', 'rollback', () =>
              runInScope(scope, () => body(wrapped(connection, scope))),
            )
            await scope.committed()
            return result
          }),
        plainTransaction: (body) =>
          withConnection(pool, (connection) =>
            ended(connection, 'commit', 'rollback', () => body(plain(connection))),
          ),
        createEmit: (own: OutboxOptions) =>
          emitFunction<unknown>(new Outbox({ table: options.table, ...own }), (handle) =>
            executorOf(handle as PoolConnection),
          ),
        emitOutside: () => undefined,
        emitAmbient: () => Promise.reject(new Error('this adapter has none')),
        close: () => pool.end(),
      }
    },
  }
}

function executorOf(connection: PoolConnection): SqlExecutor {
  return {
    dialect: 'mysql',
    execute: (statement) =>
      connection.query(renderStatement(statement, questionPlaceholder), [...statement.values]),
  }
}

async function withConnection<R>(pool: Pool, work: (connection: PoolConnection) => Promise<R>): Promise<R> {
  const connection = await pool.getConnection()
  try {
    await connection.query('begin')
    return await work(connection)
  } finally {
    connection.release()
  }
}

async function ended<R>(
  connection: PoolConnection,
  commit: string,
  rollback: string,
  body: () => Promise<R>,
): Promise<R> {
  try {
    const result = await body()
    await connection.query(commit)
    return result
  } catch (error) {
    await connection.query(rollback)
    throw error
  }
}

function plain(connection: PoolConnection): PlainTransactionUnderTest {
  return {
    handle: connection,
    async business(id, parent) {
      await connection.query('insert into business (id, parent) values (?, ?)', [id, parent ?? null])
    },
  }
}

function wrapped(connection: PoolConnection, scope: TransactionScope): TransactionUnderTest {
  return {
    ...plain(connection),
    emit: (input) => scope.emit(input),
    afterCommit: (hook) => scope.afterCommit(hook),
    async nested(body) {
      await scope.beforeNested()
      const inner = new TransactionScope(scope.outbox, executorOf(connection), scope)
      const name = `nested_${++names}`
      await connection.query(`savepoint ${name}`)
      const result = await ended(
        connection,
        `release savepoint ${name}`,
        `rollback to savepoint ${name}`,
        () => runInScope(inner, () => body(wrapped(connection, inner))),
      )
      await inner.committed()
      return result
    },
  }
}

let names = 0

import type { OutboxEvent, OutboxOptions } from '@outboxkit/core'
import { createEmit, withOutbox, type EmittingTx, type OutboxTx } from '@outboxkit/drizzle'
import {
  adapterSuite,
  mysqlAdapterSuite,
  type AdapterUnderTest,
  type MysqlAdapterHarness,
  type PlainTransactionUnderTest,
  type TransactionUnderTest,
} from '@outboxkit/testing/conformance'
import { sql } from 'drizzle-orm'
import {
  mariadbDatabase,
  mysqlDatabase,
  postgresDatabase,
  type SuiteDatabase,
} from '../../../test-matrix/conformance/databases.js'
import { schemas } from '../../../test-matrix/conformance/schemas.js'
import {
  business,
  drivers,
  mysqlBusiness,
  mysqlDriver,
  version,
  type Database,
  type Driver,
} from './drivers.js'

type PlainTx = OutboxTx<Database>
type Tx = EmittingTx<PlainTx, OutboxEvent>

for (const driver of drivers) adapterSuite(harnessOf(driver, postgresDatabase()))
for (const database of [mysqlDatabase(), mariadbDatabase()]) {
  adapterSuite(harnessOf(mysqlDriver, database))
  mysqlAdapterSuite(harnessOf(mysqlDriver, database))
}

function harnessOf(driver: Driver, database: SuiteDatabase): MysqlAdapterHarness {
  return {
    name: `drizzle ${version}, ${driver.name}, ${database.name}`,
    dialect: database.dialect,
    schemas,
    capabilities: {
      nested: true,
      batch: { missing: "Drizzle's batches belong to HTTP drivers, which have no transactions" },
      seesPlainEnd:
        driver.name === 'postgres.js'
          ? { missing: 'postgres.js does not tell the state of a connection' }
          : true,
      ...database.capabilities,
    },
    query: database.query,
    raw: async (tx, text) => await (tx as PlainTx).execute(sql.raw(text)),
    open: async ({ schema, options }) => underTest(driver, database, schema, options),
  }
}

function underTest(
  driver: Driver,
  { url, dialect }: SuiteDatabase,
  schema: string,
  options: OutboxOptions,
): AdapterUnderTest {
  const { db: plain, close } = driver.open(url, schema)
  const db = withOutbox(plain, options)
  const { unwrapped, wrapped } = viewsOf(dialect === 'mysql' ? mysqlBusiness : business)
  return {
    handle: db,
    transaction: (body) => db.transaction((tx) => body(wrapped(tx))),
    plainTransaction: (body) => plain.transaction((tx) => body(unwrapped(tx))),
    createEmit: (own) => createEmit({ table: options.table, ...own }) as never,
    emitOutside: (input) => (db as unknown as Tx).emit(input as OutboxEvent),
    emitAmbient: (input) => (db as unknown as { outbox: Tx }).outbox.emit(input as OutboxEvent),
    close,
  }
}

function viewsOf(table: typeof business) {
  const unwrapped = (tx: PlainTx): PlainTransactionUnderTest => ({
    handle: tx,
    async business(id, parent) {
      await tx.insert(table).values({ id, parent: parent ?? null })
    },
  })
  const wrapped = (tx: Tx): TransactionUnderTest => ({
    ...unwrapped(tx),
    emit: (input) => tx.emit(input as OutboxEvent),
    afterCommit: (hook) => tx.afterCommit(hook),
    nested: (body) => tx.transaction((nested) => body(wrapped(nested))),
  })
  return { unwrapped, wrapped }
}

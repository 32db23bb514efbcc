import type { OutboxEvent, OutboxOptions } from '@outboxkit/core'
import { createEmit, withOutbox, type EmittingTx, type OutboxTx } from '@outboxkit/drizzle'
import {
  adapterSuite,
  type AdapterHarness,
  type AdapterUnderTest,
  type PlainTransactionUnderTest,
  type TransactionUnderTest,
} from '@outboxkit/testing/conformance'
import pg from 'pg'
import { afterAll, inject } from 'vitest'
import { schemas } from '../../../test-matrix/conformance/schemas.js'
import { business, drivers, version, type Database, type Driver } from './drivers.js'

type PlainTx = OutboxTx<Database>
type Tx = EmittingTx<PlainTx, OutboxEvent>

const url = inject('postgresUrl')
const oracle = new pg.Pool({ connectionString: url, max: 2 })
afterAll(() => oracle.end())

for (const driver of drivers) adapterSuite(harnessOf(driver))

function harnessOf(driver: Driver): AdapterHarness {
  return {
    name: `drizzle ${version}, ${driver.name}`,
    dialect: 'postgres',
    schemas,
    capabilities: {
      nested: true,
      batch: { missing: "Drizzle's batches belong to HTTP drivers, which have no transactions" },
      seesPlainEnd:
        driver.name === 'node-postgres'
          ? true
          : { missing: 'postgres.js does not tell the state of a connection' },
      abortsOnFailure: true,
      deferredConstraints: true,
      statementTriggers: true,
      lockKey: true,
    },
    query: async (sql) => (await oracle.query<Record<string, unknown>>(sql)).rows,
    open: async ({ schema, options }) => underTest(driver, schema, options),
  }
}

function underTest(driver: Driver, schema: string, options: OutboxOptions): AdapterUnderTest {
  const { db: plain, close } = driver.open(url, schema)
  const db = withOutbox(plain, options)
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

function unwrapped(tx: PlainTx): PlainTransactionUnderTest {
  return {
    handle: tx,
    async business(id, parent) {
      await tx.insert(business).values({ id, parent: parent ?? null })
    },
  }
}

function wrapped(tx: Tx): TransactionUnderTest {
  return {
    ...unwrapped(tx),
    emit: (input) => tx.emit(input as OutboxEvent),
    afterCommit: (hook) => tx.afterCommit(hook),
    nested: (body) => tx.transaction((nested) => body(wrapped(nested))),
  }
}

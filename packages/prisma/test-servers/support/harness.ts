import { setTimeout as sleep } from 'node:timers/promises'
import { createEmit, emitOperation, withOutbox, type OutboxMethods } from '@outboxkit/prisma'
import type { OutboxEvent, OutboxOptions } from '@outboxkit/core'
import type {
  AdapterHarness,
  AdapterUnderTest,
  BatchStep,
  PlainTransactionUnderTest,
  TransactionUnderTest,
} from '@outboxkit/testing/conformance'
import pg from 'pg'
import { schemas } from '../../../../test-matrix/conformance/schemas.js'
import { clientsOf, type TestClient, type TestNestableTx, type TestTx } from './open.js'
import type { Target } from './targets.js'

type Tx = TestNestableTx & OutboxMethods<OutboxEvent>

/** The adapter suite's view of one generated client on a PostgreSQL server. */
export async function prismaHarness(target: Target, url: string): Promise<AdapterHarness> {
  const oracle = new pg.Pool({ connectionString: url, max: 2, allowExitOnIdle: true })
  const clients = await clientsOf(target)
  return {
    name: target.name,
    dialect: 'postgres',
    capabilities: {
      nested: target.savepoints || { missing: 'transactions can be nested since Prisma 7.5' },
      batch: true,
      seesPlainEnd: true,
      abortsOnFailure: true,
      deferredConstraints: true,
      statementTriggers: true,
      lockKey: true,
    },
    schemas,
    query: async (sql) => (await oracle.query<Record<string, unknown>>(sql)).rows,
    open: async ({ schema, options }) => appOf(target, clients.open(url, schema), options),
  }
}

/** The application that the suite talks to, on any database. */
export function appOf(target: Target, plain: TestClient, options: OutboxOptions): AdapterUnderTest {
  const db = withOutbox(plain, options)
  return {
    handle: db,
    transaction: (body) => db.$transaction((tx) => body(wrapped(tx as unknown as Tx))),
    plainTransaction: (body) => plain.$transaction((tx) => body(unwrapped(tx))),
    createEmit: (own) => createEmit({ table: options.table, ...own }) as never,
    emitOutside: (input) => (db as unknown as Tx).emit(input as OutboxEvent),
    emitAmbient: (input) => (db as unknown as { outbox: Tx }).outbox.emit(input as OutboxEvent),
    batch: (steps) => (db as TestClient).$transaction(steps.map((step) => operation(db, step))),
    // Prisma 6.16 never gives back the connection of a COMMIT that has failed, and $disconnect waits for it.
    close: () => (target.savepoints ? plain.$disconnect() : Promise.race([plain.$disconnect(), sleep(2000)])),
  }
}

function operation(db: TestClient, step: BatchStep): PromiseLike<unknown> {
  if ('business' in step) return db.business.create({ data: { id: step.business, parent: null } })
  return emitOperation(db as object, step.emit)
}

function unwrapped(tx: TestTx): PlainTransactionUnderTest {
  return {
    handle: tx,
    async business(id, parent) {
      await tx.business.create({ data: { id, parent: parent ?? null } })
    },
  }
}

function wrapped(tx: Tx): TransactionUnderTest {
  return {
    ...unwrapped(tx),
    emit: (input) => tx.emit(input as OutboxEvent),
    afterCommit: (hook) => tx.afterCommit(hook),
    nested: (body) => tx.$transaction((nested) => body(wrapped(nested as Tx))),
  }
}

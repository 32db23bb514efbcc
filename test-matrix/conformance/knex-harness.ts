import { createEmit, withOutbox } from '@outboxkit/knex'
import type {
  AdapterHarness,
  PlainTransactionUnderTest,
  TransactionUnderTest,
} from '@outboxkit/testing/conformance'
import type { Knex } from 'knex'
import pg from 'pg'
import { schemas } from './schemas.js'

/** The adapter suite's view of one version of Knex on a PostgreSQL server. */
export function knexHarness(name: string, knex: (config: Knex.Config) => Knex, url: string): AdapterHarness {
  const oracle = new pg.Pool({ connectionString: url, max: 2, allowExitOnIdle: true })
  return {
    name,
    dialect: 'postgres',
    capabilities: {
      nested: true,
      batch: { missing: 'Knex has no batch of operations' },
      seesPlainEnd: true,
      abortsOnFailure: true,
      deferredConstraints: true,
      statementTriggers: true,
      lockKey: true,
    },
    schemas,
    query: async (sql) => (await oracle.query<Record<string, unknown>>(sql)).rows,
    async open({ schema, options }) {
      const config: Knex.Config = {
        client: 'pg',
        connection: url,
        searchPath: [schema],
        pool: { min: 0, max: 5 },
      }
      const db = withOutbox(knex(config), options)
      const plain = knex(config)
      return {
        handle: db,
        transaction: (body) => db.transaction((trx) => body(wrappedTransaction(trx))),
        plainTransaction: (body) => plain.transaction((trx) => body(plainTransaction(trx))),
        createEmit: (own) => createEmit({ table: options.table, ...own }) as never,
        emitOutside: (input) => (db as unknown as Emitter).emit(input),
        emitAmbient: (input) => (db as unknown as { outbox: Emitter }).outbox.emit(input) as never,
        close: async () => {
          await db.destroy()
          await plain.destroy()
        },
      }
    },
  }
}

interface Emitter {
  emit(input: unknown): unknown
}

type Trx = Parameters<Parameters<ReturnType<typeof withOutbox<Knex>>['transaction']>[0]>[0]

function wrappedTransaction(trx: Trx): TransactionUnderTest {
  return {
    ...plainTransaction(trx),
    emit: trx.emit as TransactionUnderTest['emit'],
    afterCommit: (hook) => trx.afterCommit(hook),
    nested: (body) => trx.transaction((nested) => body(wrappedTransaction(nested))),
  }
}

function plainTransaction(trx: Knex.Transaction): PlainTransactionUnderTest {
  return {
    handle: trx,
    async business(id, parent) {
      await trx('business').insert({ id, parent: parent ?? null })
    },
  }
}

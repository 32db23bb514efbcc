import { createEmit, withOutbox } from '@outboxkit/knex'
import type {
  MysqlAdapterHarness,
  PlainTransactionUnderTest,
  TransactionUnderTest,
} from '@outboxkit/testing/conformance'
import type { Knex } from 'knex'
import { withDatabase, type SuiteDatabase } from './databases.js'
import { schemas } from './schemas.js'

/** The adapter suite's view of one version of Knex on a database. */
export function knexHarness(
  name: string,
  knex: (config: Knex.Config) => Knex,
  database: SuiteDatabase,
): MysqlAdapterHarness {
  return {
    name: `${name}, ${database.name}`,
    dialect: database.dialect,
    capabilities: {
      nested: true,
      batch: { missing: 'Knex has no batch of operations' },
      seesPlainEnd: true,
      ...database.capabilities,
    },
    schemas,
    query: database.query,
    raw: async (trx, sql) => await (trx as Knex.Transaction).raw(sql),
    async open({ schema, options }) {
      const config = configOf(database, schema)
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

function configOf({ dialect, url }: SuiteDatabase, schema: string): Knex.Config {
  const pool = { min: 0, max: 5 }
  return dialect === 'postgres'
    ? { client: 'pg', connection: url, searchPath: [schema], pool }
    : { client: 'mysql2', connection: withDatabase(url, schema), pool }
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

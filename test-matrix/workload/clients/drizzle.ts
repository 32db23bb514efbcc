import { sql, type SQL } from 'drizzle-orm'
import type { WorkloadClient, WorkloadTransaction } from '../client.js'

/** Of Drizzle's handles for several databases, what the workload uses. */
interface Transaction {
  execute(query: SQL): PromiseLike<unknown>
  readonly emit: unknown
  transaction(work: (nested: Transaction) => Promise<void>): Promise<void>
}
interface Handle {
  transaction(work: (tx: Transaction) => Promise<void>): Promise<void>
}

interface DrizzleDriver {
  /** The rows in what `execute` answers. */
  rows(result: unknown): Record<string, unknown>[]
  close(): Promise<void>
}

/** `db` has an outbox. */
export function drizzleClient(db: unknown, driver: DrizzleDriver): WorkloadClient {
  const handle = db as Handle
  const run = async (tx: Transaction, text: string, values: readonly string[]): Promise<unknown> => {
    const parts = text.split(/\$\d+/) as string[] & { raw: string[] }
    parts.raw = [...parts]
    return tx.execute(sql(parts, ...values))
  }
  const wrap = (tx: Transaction): WorkloadTransaction => ({
    query: async (text, values) => driver.rows(await run(tx, text, values)),
    execute: async (text, values) => void (await run(tx, text, values)),
    emit: tx.emit as WorkloadTransaction['emit'],
    savepoint: async (work) => tx.transaction(async (nested) => work(wrap(nested))),
  })
  return {
    orm: 'drizzle',
    transaction: async (work) => handle.transaction(async (tx) => work(wrap(tx))),
    close: () => driver.close(),
  }
}

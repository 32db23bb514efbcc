import type { Query } from './database.js'

/** Commits when `work` resolves, rolls back when it rejects. */
export async function inTransaction<T>(query: Query, work: (query: Query) => Promise<T>): Promise<T> {
  await query('start transaction')
  try {
    const result = await work(query)
    await query('commit')
    return result
  } catch (error) {
    await query('rollback').catch(() => undefined)
    throw error
  }
}

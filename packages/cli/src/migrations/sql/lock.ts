import { createHash } from 'node:crypto'
import { OutboxError, type OutboxTable } from '@outboxkit/core'
import type { Database, Query } from '../../database/database.js'

const nameOf = ({ schema, name }: OutboxTable): string => `outboxkit migrate ${schema ?? ''}.${name}`

/**
 * One process migrates an outbox at a time. PostgreSQL: a lock of the transaction, right behind a pooler too. It ends with
 * the transaction.
 */
export async function lockPostgres(query: Query, table: OutboxTable, waitMs: number): Promise<void> {
  await query(`set local lock_timeout = ${Math.round(waitMs)}`)
  // A long migration is no hanging statement.
  await query('set local statement_timeout = 0')
  await query('select pg_advisory_xact_lock(hashtextextended($1, 7274497))', [nameOf(table)])
}

/** MySQL and MariaDB: a lock of the session, since every statement ends a transaction there. */
export async function withMysqlLock<T>(
  { query }: Database,
  table: OutboxTable,
  waitMs: number,
  work: () => Promise<T>,
): Promise<T> {
  // A lock is the server's, not the database's; its name may have 64 characters.
  const [row] = await query('select database() as current')
  const place = `${String(row?.['current'])} ${nameOf(table)}`
  const name = `outboxkit:${createHash('sha256').update(place).digest('hex').slice(0, 40)}`
  const [lock] = await query('select get_lock(?, ?) as mine', [name, Math.ceil(waitMs / 1_000)])
  if (Number(lock?.['mine']) !== 1)
    throw new OutboxError(
      'OUTBOX_MIGRATION_FAILED',
      `Another process has been migrating this outbox for ${Math.round(waitMs / 1_000)} s. Nothing was changed; run the command again when it is through.`,
    )
  try {
    return await work()
  } finally {
    // After a lost connection the server has released it.
    await query('select release_lock(?) as released', [name]).catch(() => undefined)
  }
}

import { OutboxError } from '@outboxkit/core'
import type { DatabaseSettings } from '../config/resolved.js'
import type { Database } from './database.js'

/**
 * Connects. Rejects with `OUTBOX_DATABASE_FAILED` when the database cannot be reached or refuses the login.
 * Only the driver in use is loaded.
 */
export async function openDatabase(
  settings: DatabaseSettings,
  options: { readonly connectTimeoutMs?: number; readonly statementTimeoutMs?: number } = {},
): Promise<Database> {
  if (settings.url === undefined && settings.config === undefined)
    throw new OutboxError(
      'OUTBOX_CONFIG_INVALID',
      'There is no database: set OUTBOXKIT_DATABASE_URL (or DATABASE_URL), or give database.url in the configuration file.',
    )
  if (settings.dialect === 'postgres') return (await import('./postgres.js')).openPostgres(settings, options)
  return (await import('./mysql.js')).openMysql(settings, options)
}

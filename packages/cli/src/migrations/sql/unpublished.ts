import { OutboxError, qualifiedName, type Dialect, type OutboxTable } from '@outboxkit/core'
import type { Query } from '../../database/database.js'
import type { SqlMigration } from './files.js'

/** Those of our tables with events that the way back of these migrations drops, by their quoted names. */
export function droppedTables(
  dialect: Dialect,
  table: OutboxTable,
  files: readonly SqlMigration[],
): readonly string[] {
  const drops = files
    .flatMap(({ down = [] }) => down)
    .map((statement) => statement.trim())
    .filter((statement) => /^drop\s+table/i.test(statement))
  return (['outbox', 'held'] as const)
    .map((kind) => qualifiedName(table, dialect, kind))
    .filter((name) => drops.some((statement) => statement.endsWith(` ${name}`)))
}

/** A table that goes would take its events with it, for good. Throws `OUTBOX_MIGRATION_FAILED`. */
export async function refuseUnpublished(query: Query, dropped: readonly string[]): Promise<void> {
  for (const name of dropped) {
    // A table that is gone already: the way back was begun before.
    const rows = await query(`select 1 from ${name} limit 1`).catch(() => [])
    if (rows.length > 0)
      throw new OutboxError(
        'OUTBOX_MIGRATION_FAILED',
        `${name} has events that are not published, and would be dropped with them. Nothing was changed. Let a relay publish them, or discard them, first.`,
      )
  }
}

import { qualifiedName, tableName, type OutboxTable, type StoredEvent } from '@outboxkit/core'
import type { ArchiveOutcome } from '../archive.js'
import type { HeldScope } from '../source.js'
import type { Statement } from './connection.js'
import { eventColumnNames, prefixed, rowsIn } from './settle-statements.js'
import { positionsIn } from './statements.js'

// utc_timestamp() is one moment for all rows of a statement: they stay in the order of their positions.
const insertInto = (table: OutboxTable): string =>
  `insert into ${qualifiedName(table, 'mysql', 'archive')} (position, ${eventColumnNames}, published_at, outcome)`

/** Copies rows of the outbox to the archive. Only with the lease locked, and before the same rows are deleted. */
export function copyToArchive(
  table: OutboxTable,
  events: readonly StoredEvent[],
  outcome: ArchiveOutcome,
): Statement {
  return {
    text: `
${insertInto(table)}
select o.position, ${prefixed('o')}, utc_timestamp(6), ? from ${rowsIn('j')}
straight_join ${qualifiedName(table, 'mysql')} o force index (primary) on o.position = j.position
where o.id = j.id`,
    values: [outcome, JSON.stringify(events.map(({ position, id }) => [position, id]))],
  }
}

/** The same for held rows of `scope`. */
export function copyHeldToArchive(
  table: OutboxTable,
  scope: HeldScope,
  positions: readonly number[],
  outcome: ArchiveOutcome,
): Statement {
  return {
    text: `
${insertInto(table)}
select h.position, ${prefixed('h')}, utc_timestamp(6), ? from ${positionsIn('j')}
straight_join ${qualifiedName(table, 'mysql', 'held')} h force index (primary) on h.position = j.position
where h.scope_kind = ? and h.scope = ?`,
    values: [outcome, JSON.stringify(positions), scope.kind, scope.scope],
  }
}

/**
 * Deletes the oldest archived rows that have passed their retention, at most `limit`. Only with the lease locked. The
 * number of affected rows says how many.
 */
export function pruneArchive(table: OutboxTable, retentionMs: number, limit: number): Statement {
  return {
    text: `
delete from ${qualifiedName(table, 'mysql', 'archive')}
where published_at < utc_timestamp(6) - interval ? microsecond order by published_at, position limit ?`,
    values: [retentionMs * 1_000, limit],
  }
}

/** The columns of the archive, none when it is not there. */
export function readArchiveColumns(table: OutboxTable): Statement {
  return {
    text: `select lower(c.column_name) from information_schema.columns c where c.table_schema = coalesce(?, database()) and c.table_name = ?`,
    values: [table.schema ?? null, tableName(table, 'archive')],
  }
}

/** Statements that do nothing and need one privilege each. */
export function archiveProbes(
  table: OutboxTable,
  prunes: boolean,
): readonly { readonly privilege: string; readonly statement: Statement }[] {
  const archive = qualifiedName(table, 'mysql', 'archive')
  const probe = (privilege: string, text: string) => ({
    privilege,
    statement: { text, values: [], unprepared: true },
  })
  const columns = `position, ${eventColumnNames}, published_at, outcome`
  return [
    probe(
      'insert',
      `insert into ${archive} (${columns}) select ${columns.replaceAll(/\w+/g, 'null')} from dual where false`,
    ),
    ...(prunes
      ? [
          probe('select', `select position from ${archive} where false`),
          probe('delete', `delete from ${archive} where false`),
        ]
      : []),
  ]
}

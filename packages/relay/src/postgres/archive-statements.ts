import { qualifiedName, type OutboxTable, type StoredEvent } from '@outboxkit/core'
import type { ArchiveOutcome } from '../archive.js'
import type { HeldScope, Lease } from '../source.js'
import type { Statement } from './connection.js'
import { eventColumnNames, lockedLease } from './settle-statements.js'

// One moment for all rows of a statement, so that they stay in the order of their positions.
const archivedColumns = `position, ${eventColumnNames}, published_at, outcome`

/**
 * Moves rows of the outbox to the archive under the fence. One row if the lease is ours, none if it is lost. By
 * position and id, as `deleteEvents` does it.
 */
export function archiveEvents(
  table: OutboxTable,
  lease: Lease,
  events: readonly StoredEvent[],
  outcome: ArchiveOutcome,
): Statement {
  return {
    name: 'outboxkit_archive',
    text: `
with ${lockedLease(table, '$1', '$2')},
gone as (delete from ${qualifiedName(table, 'postgres')} o
  using unnest($3::int8[], $4::text[]) as e(position, id)
  where o.position = e.position and o.id::text = e.id and exists (select from mine) returning o.*),
kept as (insert into ${qualifiedName(table, 'postgres', 'archive')} (${archivedColumns})
  select position, ${eventColumnNames}, statement_timestamp(), $5 from gone)
select count(*) from gone having exists (select from mine)`,
    values: [
      lease.owner,
      lease.epoch,
      events.map(({ position }) => position),
      events.map(({ id }) => id),
      outcome,
    ],
  }
}

/** Moves held rows of `scope` to the archive. Only with the lease locked. */
export function archiveHeld(
  table: OutboxTable,
  scope: HeldScope,
  positions: readonly number[],
  outcome: ArchiveOutcome,
): Statement {
  return {
    name: 'outboxkit_archive_held',
    text: `
with gone as (delete from ${qualifiedName(table, 'postgres', 'held')} h
  where h.position = any($3::int8[]) and h.scope_kind = $1 and h.scope = $2 returning h.*)
insert into ${qualifiedName(table, 'postgres', 'archive')} (${archivedColumns})
select position, ${eventColumnNames}, statement_timestamp(), $4 from gone`,
    values: [scope.kind, scope.scope, positions, outcome],
  }
}

/**
 * Deletes the oldest archived rows that have passed their retention, at most `limit`, under the fence. One row with
 * their number if the lease is ours, none if it is lost.
 */
export function pruneArchive(
  table: OutboxTable,
  lease: Lease,
  retentionMs: number,
  limit: number,
): Statement {
  const archive = qualifiedName(table, 'postgres', 'archive')
  return {
    name: 'outboxkit_prune',
    text: `
with ${lockedLease(table, '$1', '$2')},
old as materialized (select a.published_at, a.position from ${archive} a
  where a.published_at < clock_timestamp() - $3 * interval '1 millisecond' and exists (select from mine)
  order by a.published_at, a.position limit $4),
gone as (delete from ${archive} a using old
  where a.published_at = old.published_at and a.position = old.position returning 1)
select count(*) from gone having exists (select from mine)`,
    values: [lease.owner, lease.epoch, retentionMs, limit],
  }
}

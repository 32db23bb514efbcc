import { qualifiedName, type OutboxTable, type StoredEvent } from '@outboxkit/core'
import { askedOf, type HeldEvent, type HeldScope, type Lease, type ParkedEvent } from '../source.js'
import type { Statement } from './connection.js'
import { eventColumns, payloadBytes } from './statements.js'

/** The columns of an event besides its position. */
export const eventColumnNames = 'id, aggregatetype, aggregateid, type, payload, headers, topic, created_at'

/**
 * The fence. It locks the lease row, so that a take-over waits for this statement or this statement for the
 * take-over; `exists (… where epoch = …)` without the lock would let both go on.
 */
export function lockedLease(table: OutboxTable, owner: string, epoch: string): string {
  const lease = qualifiedName(table, 'postgres', 'lease')
  return `mine as materialized (select from ${lease} where id = 1 and owner = ${owner} and epoch = ${epoch}::int8 for update)`
}

/** Locks the lease row for the rest of the transaction; no row: the lease is lost. */
export function lockLease(table: OutboxTable, lease: Lease): Statement {
  return {
    name: 'outboxkit_lock_lease',
    text: `with ${lockedLease(table, '$1', '$2')} select true from mine`,
    values: [lease.owner, lease.epoch],
  }
}

/**
 * Deletes rows of the outbox under the fence. One row if the lease is ours, none if it is lost. By position and id:
 * after `truncate … restart identity` a position names another row than the one that was published.
 */
export function deleteEvents(table: OutboxTable, lease: Lease, events: readonly StoredEvent[]): Statement {
  return {
    name: 'outboxkit_delete',
    text: `
with ${lockedLease(table, '$1', '$2')},
gone as (delete from ${qualifiedName(table, 'postgres')} o
  using unnest($3::int8[], $4::text[]) as e(position, id)
  where o.position = e.position and o.id::text = e.id and exists (select from mine) returning 1)
select count(*) from gone having exists (select from mine)`,
    values: [lease.owner, lease.epoch, events.map(({ position }) => position), events.map(({ id }) => id)],
  }
}

/**
 * Moves rows from the outbox to the held table under the fence, as they are. A row that is held already stays as
 * it is there; one whose position is held for another event stays in the outbox, for it would be lost. One row if
 * the lease is ours, none if it is lost.
 */
export function holdEvents(table: OutboxTable, lease: Lease, held: readonly HeldEvent[]): Statement {
  const target = qualifiedName(table, 'postgres', 'held')
  return {
    name: 'outboxkit_hold',
    text: `
with ${lockedLease(table, '$1', '$2')},
why as (select * from unnest($3::int8[], $4::text[], $5::text[], $6::text[], $7::text[], $8::int4[], $9::text[])
  as y(position, scope_kind, scope, code, reason, attempts, event_id)),
gone as (delete from ${qualifiedName(table, 'postgres')} o using why y
  where o.position = y.position and o.id::text = y.event_id and exists (select from mine)
    and not exists (select from ${target} h where h.position = o.position and h.id <> o.id) returning o.*),
kept as (insert into ${target} (
    position, ${eventColumnNames}, scope_kind, scope, code, reason, attempts)
  select position, ${eventColumnNames}, scope_kind, scope, code, reason, attempts from gone join why using (position)
  on conflict (position) do nothing)
select count(*) from gone having exists (select from mine)`,
    values: [lease.owner, lease.epoch, ...explanations(held), held.map(({ event }) => event.id)],
  }
}

/** Gives held rows of `scope` another scope and reason and takes their request away. Only with the lease locked. */
export function parkHeld(table: OutboxTable, scope: HeldScope, parked: readonly ParkedEvent[]): Statement {
  return {
    name: 'outboxkit_park_held',
    text: `
update ${qualifiedName(table, 'postgres', 'held')} h
set scope_kind = y.scope_kind, scope = y.scope, code = y.code, reason = y.reason, attempts = y.attempts,
  request = case when y.asked = 'anything' or y.asked = coalesce(h.request, 'nothing') then null else h.request end
from unnest($3::int8[], $4::text[], $5::text[], $6::text[], $7::text[], $8::int4[], $9::text[])
  as y(position, scope_kind, scope, code, reason, attempts, asked)
where h.position = y.position and h.scope_kind = $1 and h.scope = $2`,
    values: [scope.kind, scope.scope, ...explanations(parked), parked.map(askedOf)],
  }
}

/** Deletes held rows of `scope`. Only with the lease locked. */
export function deleteHeld(table: OutboxTable, scope: HeldScope, positions: readonly number[]): Statement {
  return {
    name: 'outboxkit_delete_held',
    text: `
delete from ${qualifiedName(table, 'postgres', 'held')} h
where h.position = any($3::int8[]) and h.scope_kind = $1 and h.scope = $2`,
    values: [scope.kind, scope.scope, positions],
  }
}

/** One row: whether the scope has rows. */
export function hasHeld(table: OutboxTable, scope: HeldScope): Statement {
  return {
    name: 'outboxkit_has_held',
    text: `
select exists (select from ${qualifiedName(table, 'postgres', 'held')} h where h.scope_kind = $1 and h.scope = $2)::text`,
    values: [scope.kind, scope.scope],
  }
}

/** Kind and scope of everything held: hops from one to the next through the index, however many rows each has. */
export function readScopes(table: OutboxTable): Statement {
  const held = qualifiedName(table, 'postgres', 'held')
  return {
    name: 'outboxkit_scopes',
    text: `
with recursive hop as (
  (select h.scope_kind, h.scope from ${held} h order by h.scope_kind, h.scope limit 1)
  union all
  select n.* from hop, lateral (
    select h.scope_kind, h.scope from ${held} h
    where (h.scope_kind, h.scope) > (hop.scope_kind, hop.scope) order by h.scope_kind, h.scope limit 1) n)
select scope_kind, scope from hop`,
    values: [],
  }
}

/** Kind and scope of the rows that a person has asked to retry or to discard. */
export function readRequestedScopes(table: OutboxTable): Statement {
  return {
    name: 'outboxkit_requested_scopes',
    text: `
select h.scope_kind, h.scope from ${qualifiedName(table, 'postgres', 'held')} h
where h.request is not null group by h.scope_kind, h.scope order by min(h.position)`,
    values: [],
  }
}

/** The first rows of a held scope, in position order; the row that crosses `maxBytes` is the last one. */
export function readHeldRows(
  table: OutboxTable,
  scope: HeldScope,
  limit: number,
  maxBytes: number,
): Statement {
  const bytes = payloadBytes(table, 't')
  return {
    name: 'outboxkit_held_rows',
    text: `
select w.position, w.bytes, ${eventColumns(table, 'w')}, w.code, w.reason, w.attempts, w.request from (
  select t.*, ${bytes} as bytes, sum(${bytes}) over (order by t.position) as total from (
    select h.* from ${qualifiedName(table, 'postgres', 'held')} h
    where h.scope_kind = $1 and h.scope = $2 order by h.position limit $3
  ) t
) w where w.total - w.bytes < $4 order by w.position`,
    values: [scope.kind, scope.scope, limit, maxBytes],
  }
}

function explanations(held: readonly HeldEvent[]): (readonly (string | number)[])[] {
  return [
    held.map(({ event }) => event.position),
    held.map(({ kind }) => kind),
    held.map(({ scope }) => scope),
    held.map(({ code }) => code),
    // PostgreSQL stores no NUL
    held.map(({ reason }) => reason.replaceAll('\0', '')),
    held.map(({ attempts }) => attempts),
  ]
}

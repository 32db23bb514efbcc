import { latestSchemaVersion, qualifiedName, type OutboxTable } from '@outboxkit/core'
import type { Lease, LeaseState, OwnerError } from '../source.js'
import type { Statement } from './connection.js'

// clock_timestamp(), not now(): a statement may have waited for the row.
const expired = '(l.expires_at is null or l.expires_at <= clock_timestamp())'

export function readLease(table: OutboxTable): Statement {
  return {
    name: 'outboxkit_lease_read',
    text: `
select l.owner, l.epoch, l.renewals, ${expired}::text from ${qualifiedName(table, 'postgres', 'lease')} l where l.id = 1`,
    values: [],
  }
}

/** One row, once the row of the lease is there. */
export function readSchemaVersion(table: OutboxTable): Statement {
  return {
    name: '',
    text: `select l.schema_version from ${qualifiedName(table, 'postgres', 'lease')} l where l.id = 1`,
    values: [],
  }
}

/** Adds the one row of the table, if it is not there. */
export function insertLease(table: OutboxTable): Statement {
  return {
    name: 'outboxkit_lease_insert',
    text: `insert into ${qualifiedName(table, 'postgres', 'lease')} (id) values (1) on conflict do nothing`,
    values: [],
  }
}

/** One row with the new epoch and whether there was an owner before, or none: it belongs to somebody. */
export function takeLease(
  table: OutboxTable,
  owner: string,
  termMs: number,
  unchangedSince: Pick<LeaseState, 'epoch' | 'renewals'> | undefined,
): Statement {
  const lease = qualifiedName(table, 'postgres', 'lease')
  return {
    name: 'outboxkit_lease_take',
    text: `
with l as materialized (select * from ${lease} where id = 1 for update)
update ${lease} t
set owner = $1, epoch = l.epoch + 1, renewals = 0, expires_at = clock_timestamp() + $2 * interval '1 millisecond'
from l where t.id = l.id and (l.owner is null or ${expired} or (l.epoch = $3::int8 and l.renewals = $4::int8))
returning t.epoch, (l.owner is not null)::text`,
    values: [owner, termMs, unchangedSince?.epoch ?? null, unchangedSince?.renewals ?? null],
  }
}

/** One row if the lease is still ours; none either when a newer program has changed the tables meanwhile. */
export function renewLease(table: OutboxTable, lease: Lease, termMs: number, error?: OwnerError): Statement {
  return {
    name: 'outboxkit_lease_renew',
    text: `
update ${qualifiedName(table, 'postgres', 'lease')} l
set renewals = l.renewals + 1, expires_at = clock_timestamp() + $3 * interval '1 millisecond',
  ${noteError(4)}
where l.id = 1 and l.owner = $1 and l.epoch = $2::int8 and l.schema_version <= ${latestSchemaVersion} returning 1`,
    values: [lease.owner, lease.epoch, termMs, ...errorValues(error)],
  }
}

/** Empties the owner, if it is ours. */
export function releaseLease(table: OutboxTable, lease: Lease, error?: OwnerError): Statement {
  return {
    name: 'outboxkit_lease_release',
    text: `
update ${qualifiedName(table, 'postgres', 'lease')} l set owner = null, expires_at = null, ${noteError(3)}
where l.id = 1 and l.owner = $1 and l.epoch = $2::int8`,
    values: [lease.owner, lease.epoch, ...errorValues(error)],
  }
}

/** Stores which server the owner reads; one row with what was stored before, or none if the lease is lost. */
export function storeFingerprint(table: OutboxTable, lease: Lease, fingerprint: string): Statement {
  const target = qualifiedName(table, 'postgres', 'lease')
  return {
    name: 'outboxkit_lease_fingerprint',
    text: `
with l as materialized (select * from ${target} where id = 1 and owner = $1 and epoch = $2::int8 for update)
update ${target} t set fingerprint = $3 from l where t.id = l.id returning l.fingerprint`,
    values: [lease.owner, lease.epoch, fingerprint],
  }
}

/** Assignments; the text and its age are the parameters `first` and the one after it. */
function noteError(first: number): string {
  return `last_error = coalesce($${first}::text, l.last_error), last_error_at = case
    when $${first}::text is null then l.last_error_at
    else clock_timestamp() - $${first + 1}::float8 * interval '1 millisecond' end`
}

function errorValues(error: OwnerError | undefined): readonly (string | number | null)[] {
  return [error?.text ?? null, error?.ageMs ?? null]
}

import { latestSchemaVersion, qualifiedName, type OutboxTable } from '@outboxkit/core'
import type { Lease, OwnerError } from '../source.js'
import type { Statement } from './connection.js'

// The session is in UTC. sysdate(), not now(): a statement may have waited for the row.
const expired = '(l.expires_at is null or l.expires_at <= sysdate(6))'
const expiry = 'sysdate(6) + interval ? microsecond'

export function readLease(table: OutboxTable): Statement {
  return {
    text: `select l.owner, cast(l.epoch as char), cast(l.renewals as char), ${expired} from ${qualifiedName(table, 'mysql', 'lease')} l where l.id = 1`,
    values: [],
  }
}

/** The same, locking the row for the rest of the transaction. */
export function lockWholeLease(table: OutboxTable): Statement {
  const { text, values } = readLease(table)
  return { text: `${text} for update`, values }
}

/** One row, once the row of the lease is there. */
export function readSchemaVersion(table: OutboxTable): Statement {
  return {
    text: `select schema_version from ${qualifiedName(table, 'mysql', 'lease')} where id = 1`,
    values: [],
  }
}

/** Adds the one row of the table, if it is not there. */
export function insertLease(table: OutboxTable): Statement {
  return {
    text: `insert into ${qualifiedName(table, 'mysql', 'lease')} (id) values (1) on duplicate key update id = 1`,
    values: [],
  }
}

/** Only with the row locked, and after it was found free. */
export function takeLease(table: OutboxTable, owner: string, termMs: number): Statement {
  return {
    text: `update ${qualifiedName(table, 'mysql', 'lease')} set owner = ?, epoch = epoch + 1, renewals = 0, expires_at = ${expiry} where id = 1`,
    values: [owner, microseconds(termMs)],
  }
}

/** One row affected if the lease is still ours; none either when a newer program has changed the tables meanwhile. */
export function renewLease(table: OutboxTable, lease: Lease, termMs: number, error?: OwnerError): Statement {
  return {
    text: `update ${qualifiedName(table, 'mysql', 'lease')} set renewals = renewals + 1, expires_at = ${expiry}, ${noteError} where id = 1 and owner = ? and epoch = cast(? as unsigned) and schema_version <= ${latestSchemaVersion}`,
    values: [microseconds(termMs), ...errorValues(error), lease.owner, lease.epoch],
  }
}

/** Empties the owner, if it is ours. */
export function releaseLease(table: OutboxTable, lease: Lease, error?: OwnerError): Statement {
  return {
    text: `update ${qualifiedName(table, 'mysql', 'lease')} set owner = null, expires_at = null, ${noteError} where id = 1 and owner = ? and epoch = cast(? as unsigned)`,
    values: [...errorValues(error), lease.owner, lease.epoch],
  }
}

/** Which server was read before; a row only if the lease is ours, and locked from then on. */
export function lockFingerprint(table: OutboxTable, lease: Lease): Statement {
  return {
    text: `select fingerprint from ${qualifiedName(table, 'mysql', 'lease')} where id = 1 and owner = ? and epoch = cast(? as unsigned) for update`,
    values: [lease.owner, lease.epoch],
  }
}

export function storeFingerprint(table: OutboxTable, fingerprint: string): Statement {
  return {
    text: `update ${qualifiedName(table, 'mysql', 'lease')} set fingerprint = ? where id = 1`,
    values: [fingerprint],
  }
}

const noteError =
  'last_error_at = if(? is null, last_error_at, sysdate(6) - interval ? microsecond), last_error = coalesce(?, last_error)'

function errorValues(error: OwnerError | undefined): readonly (string | number | null)[] {
  if (error === undefined) return [null, 0, null]
  return [error.text, microseconds(error.ageMs), error.text]
}

const microseconds = (ms: number): number => Math.round(ms * 1_000)

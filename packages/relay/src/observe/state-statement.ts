import { qualifiedName, type Dialect, type OutboxTable } from '@outboxkit/core'

/**
 * One statement without parameters that says how an outbox is doing: one row, every column text or NULL, whatever
 * driver runs it. Each count ends at `countUpTo` rows, so that it costs the same with a backlog of a thousand and
 * of a hundred million. Needs SELECT on the three tables.
 */
export function stateStatement(dialect: Dialect, table: OutboxTable, countUpTo: number): string {
  const outbox = qualifiedName(table, dialect)
  const held = qualifiedName(table, dialect, 'held')
  const lease = qualifiedName(table, dialect, 'lease')
  const { text, sinceSeconds, now } = functions[dialect]
  const heldRows = (kind: string): string =>
    text(`(select count(*) from (select 1 from ${held} where scope_kind = '${kind}' limit ${countUpTo}) c)`)
  return `
select ${text(`(select count(*) from (select 1 from ${outbox} limit ${countUpTo}) c)`)} as backlog_rows,
  ${text(`(select ${sinceSeconds('o.created_at')} from ${outbox} o order by o.position limit 1)`)} as backlog_age,
  ${heldRows('key')} as held_key,
  ${heldRows('topic')} as held_topic,
  ${heldRows('time')} as held_time,
  ${text(`(select ${sinceSeconds('o.created_at')} from ${held} o order by o.position limit 1)`)} as held_age,
  l.owner as lease_owner,
  ${text('l.epoch')} as lease_epoch,
  ${text('l.renewals')} as lease_renewals,
  ${text(sinceSeconds('l.expires_at'))} as lease_expired_for,
  ${text('l.schema_version')} as schema_version,
  l.last_error as relay_error,
  ${text(sinceSeconds('l.last_error_at'))} as relay_error_age,
  h.scope_kind as error_scope_kind,
  h.scope as error_scope,
  h.code as error_code,
  h.reason as error_reason,
  ${text('h.attempts')} as error_attempts,
  ${text(sinceSeconds('h.held_at'))} as error_age,
  ${now} as database_time
from (select 1 as one) o
left join (select * from ${lease} where id = 1) l on 1 = 1
left join (select scope_kind, scope, code, reason, attempts, held_at from ${held} order by position desc limit 1) h on 1 = 1`
}

interface Functions {
  readonly text: (expression: string) => string
  /** Seconds that have passed since a moment, by the database's clock; negative for one to come. */
  readonly sinceSeconds: (column: string) => string
  /** Seconds since 1970. */
  readonly now: string
}

const functions: Readonly<Record<Dialect, Functions>> = {
  postgres: {
    text: (expression) => `(${expression})::text`,
    sinceSeconds: (column) => `extract(epoch from clock_timestamp() - ${column})`,
    now: 'extract(epoch from clock_timestamp())::text',
  },
  // Our columns hold UTC, whatever the session's time zone is.
  mysql: {
    text: (expression) => `cast(${expression} as char)`,
    sinceSeconds: (column) => `timestampdiff(microsecond, ${column}, utc_timestamp(6)) / 1000000`,
    now: `cast(timestampdiff(microsecond, '1970-01-01', utc_timestamp(6)) / 1000000 as char)`,
  },
}

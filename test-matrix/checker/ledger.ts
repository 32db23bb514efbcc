import { quoteIdentifier } from './sql.js'

/** Where a workload writes its truth, next to the outbox it writes to. */
export interface LedgerPlace {
  readonly schema: string
  /** The outbox table in the same schema; rows that enter it are copied by a trigger. */
  readonly outbox: string
}

/** One aggregate. Its row lock is what orders the events of a key. */
export const aggregatesTable = 'aggregates'
/** One row per event, append-only. */
export const ledgerTable = 'ledger'
/** What a trigger saw entering the outbox, in the same transaction. */
export const copyTable = 'outbox_copy'

/**
 * The ledger's tables and triggers for PostgreSQL, one statement each. The outbox must exist already.
 *
 * The copy is a second, independent witness: a committed event without a copy was lost by the emitting side, one
 * with a copy by the relay. It also knows the database's `created_at`, which travels in `ce_time`.
 */
export function createLedgerSql(place: LedgerPlace): string[] {
  const schema = quoteIdentifier(place.schema)
  const outbox = `${schema}.${quoteIdentifier(place.outbox)}`
  return [
    `create table ${schema}.${aggregatesTable} (
      id varchar(255) primary key,
      counter bigint not null default 0
    ) with (fillfactor = 50)`,
    `create table ${schema}.${ledgerTable} (
      event_id uuid primary key,
      orm varchar(32) not null,
      attempt varchar(64) not null,
      aggregate_type varchar(255) not null,
      aggregate_id varchar(255) not null,
      seq bigint not null,
      type varchar(255) not null,
      payload text not null,
      headers text not null,
      topic varchar(249),
      unique (aggregate_id, seq)
    )`,
    `create function ${schema}.ledger_is_append_only() returns trigger language plpgsql as $$
      begin raise exception 'the ledger is append-only'; end $$`,
    `create trigger append_only before update or delete or truncate on ${schema}.${ledgerTable}
      for each statement execute function ${schema}.ledger_is_append_only()`,
    `create table ${schema}.${copyTable} (id uuid not null, position bigint not null, created_at timestamptz not null)`,
    `create function ${schema}.copy_outbox_row() returns trigger language plpgsql as $$
      begin
        insert into ${schema}.${copyTable} values (new.id, new.position, new.created_at);
        return null;
      end $$`,
    `create trigger copy_row after insert on ${outbox}
      for each row execute function ${schema}.copy_outbox_row()`,
  ]
}

/** One row per aggregate, so that writers lock and never insert them. */
export function createAggregatesSql(
  place: LedgerPlace,
  ids: readonly string[],
): { text: string; values: [string[]] } {
  return {
    text: `insert into ${quoteIdentifier(place.schema)}.${aggregatesTable} (id) select unnest($1::text[])`,
    values: [[...ids]],
  }
}

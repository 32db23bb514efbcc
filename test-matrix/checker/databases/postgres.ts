import { Client } from 'pg'
import { aggregatesTable, copyTable, ledgerTable } from '../ledger.js'
import type { LedgerDatabase } from './database.js'

/** Our own two lines instead of core's: the checker imports nothing that it checks. */
const quote = (name: string): string => `"${name.replaceAll('"', '""')}"`

export const postgresLedger: LedgerDatabase = {
  async connect(url, name) {
    const client = new Client({ connectionString: url, application_name: name })
    await client.connect()
    return {
      query: async <Row extends object>(text: string, values: readonly unknown[] = []) =>
        (await client.query<Row>(text, [...values])).rows,
      end: () => client.end(),
    }
  },

  createLedgerSql(place) {
    const schema = quote(place.schema)
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
      `create trigger copy_row after insert on ${schema}.${quote(place.outbox)}
        for each row execute function ${schema}.copy_outbox_row()`,
    ]
  },

  createAggregatesSql: (place, ids) => ({
    text: `insert into ${quote(place.schema)}.${aggregatesTable} (id) select unnest($1::text[])`,
    values: [[...ids]],
  }),

  selectLedgerSql: (place) =>
    `select l.*, c.position,
       to_char(c.created_at at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as created_at
     from ${quote(place.schema)}.${ledgerTable} l
       left join ${quote(place.schema)}.${copyTable} c on c.id = l.event_id
     order by l.aggregate_id, l.seq`,

  selectLeftSql: (place) =>
    `select id as "eventId", 'outbox' as "where" from ${quote(place.schema)}.${quote(place.outbox)}
     union all select id, 'held' from ${quote(place.schema)}.${quote(`${place.outbox}_held`)}`,
}

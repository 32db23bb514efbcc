import { Client } from 'pg'
import type { LedgerRow } from '../checker/index.js'

/**
 * The applications know nothing of being counted: two triggers write down, in their transactions, each change of
 * an order and each row that enters the outbox.
 */
export const ledgerSql: readonly string[] = [
  `create table demo_changes (
    account_id text not null, version integer not null, order_id uuid not null,
    status text not null, total integer not null, channel text not null,
    primary key (account_id, version)
  )`,
  'create table demo_outbox_copy (id uuid not null, position bigint not null, payload json not null, created_at timestamptz not null)',
  `create function demo_note_change() returns trigger language plpgsql as $$
    begin
      insert into demo_changes values (new.account_id, new.version, new.id, new.status, new.total, new.channel);
      return null;
    end $$`,
  'create trigger demo_note_change after insert or update on orders for each row execute function demo_note_change()',
  `create function demo_copy_row() returns trigger language plpgsql as $$
    begin
      insert into demo_outbox_copy values (new.id, new.position, new.payload, new.created_at);
      return null;
    end $$`,
  'create trigger demo_copy_row after insert on outbox for each row execute function demo_copy_row()',
]

interface ChangeRow {
  account_id: string
  version: number
  order_id: string
  status: 'placed' | 'cancelled'
  total: number
  channel: string
  event_id: string | null
  position: string | null
  created_at: string | null
}

/** One row per committed change, with what its event must look like on the topic. */
export async function readChanges(url: string): Promise<LedgerRow[]> {
  const rows = await query<ChangeRow>(
    url,
    `select d.*, c.id as event_id, c.position,
       to_char(c.created_at at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as created_at
     from demo_changes d left join demo_outbox_copy c
       on c.payload ->> 'orderId' = d.order_id::text and (c.payload ->> 'version')::integer = d.version
     order by d.account_id, d.version`,
  )
  return rows.map((row) => ({
    eventId: row.event_id ?? `no-event-${row.account_id}-${row.version}`,
    orm: row.channel,
    aggregateType: 'account',
    aggregateId: row.account_id,
    seq: row.version,
    type: `order.${row.status}`,
    payload: JSON.stringify(
      row.status === 'placed'
        ? { orderId: row.order_id, version: row.version, total: row.total, channel: row.channel }
        : { orderId: row.order_id, version: row.version, channel: row.channel },
    ),
    headers: {},
    topic: null,
    stored:
      row.position === null || row.created_at === null
        ? null
        : { position: Number(row.position), createdAt: row.created_at },
  }))
}

/** Runs one statement on a connection of its own. */
export async function query<R extends object>(url: string, text: string): Promise<R[]> {
  const client = new Client({ connectionString: url, application_name: 'demo' })
  await client.connect()
  try {
    return (await client.query<R>(text)).rows
  } finally {
    await client.end()
  }
}

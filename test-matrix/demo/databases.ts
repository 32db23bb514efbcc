import type { Dialect } from '@outboxkit/core'
import { ledgerOn, type LedgerPlace } from '../checker/index.js'

export const databaseNames = ['postgres', 'mysql', 'mariadb'] as const
export type DatabaseName = (typeof databaseNames)[number]

/** What the demo has to know of a database; the applications, the relay and the checker go by the URL's scheme. */
interface DemoDatabase {
  /** With its article, for people. */
  readonly title: string
  readonly dialect: Dialect
  /** The tables and triggers of the demo's ledger, see ledger.ts. */
  readonly ledgerSql: readonly string[]
  /** `demo_outbox_copy`, its payload as text and its times as `ce_time` has them. */
  readonly selectCopiesSql: string
  /** `client`: how the database's own client is called. The command that shows the tables. */
  lookAround(client: string): string
}

const postgres: DemoDatabase = {
  title: 'a PostgreSQL',
  dialect: 'postgres',
  ledgerSql: [
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
  ],
  selectCopiesSql: `select id, position, payload::text,
      to_char(created_at at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as created_at
    from demo_outbox_copy`,
  lookAround: (client) => `${client} -c 'table orders' -c 'table outbox' -c 'table outbox_lease'`,
}

const text = 'varchar(255) character set utf8mb4 collate utf8mb4_bin not null'
const noteChange =
  'insert into demo_changes values (new.account_id, new.version, new.id, new.status, new.total, new.channel)'

const mysql: DemoDatabase = {
  title: 'a MySQL',
  dialect: 'mysql',
  ledgerSql: [
    `create table demo_changes (
      account_id ${text}, version integer not null, order_id char(36) not null,
      status ${text}, total integer not null, channel ${text},
      primary key (account_id, version)
    )`,
    'create table demo_outbox_copy (id char(36) not null, position bigint unsigned not null, payload longtext not null, created_at datetime(6) not null)',
    `create trigger demo_note_insert after insert on orders for each row ${noteChange}`,
    `create trigger demo_note_update after update on orders for each row ${noteChange}`,
    `create trigger demo_copy_row after insert on outbox for each row
       insert into demo_outbox_copy values (new.id, new.position, new.payload, new.created_at)`,
  ],
  selectCopiesSql: `select id, position, payload, date_format(created_at, '%Y-%m-%dT%H:%i:%s.%fZ') as created_at
    from demo_outbox_copy`,
  lookAround: (client) =>
    `${client} -e 'select * from orders; select * from outbox; select * from outbox_lease'`,
}

export const databases: Record<DatabaseName, DemoDatabase> = {
  postgres,
  mysql,
  mariadb: { ...mysql, title: 'a MariaDB' },
}

/** Where the outbox is; a schema of MySQL is a database. */
export function placeAt(url: string): LedgerPlace {
  const schema = url.startsWith('mysql:') ? decodeURIComponent(new URL(url).pathname.slice(1)) : 'public'
  return { schema, outbox: 'outbox' }
}

/** Runs statements one after the other on a connection of their own; the rows of the last one. */
export async function query<Row extends object>(
  url: string,
  ...statements: readonly string[]
): Promise<Row[]> {
  const connection = await ledgerOn(url).connect(url, 'demo')
  try {
    let rows: Row[] = []
    for (const statement of statements) rows = await connection.query<Row>(statement)
    return rows
  } finally {
    await connection.end()
  }
}

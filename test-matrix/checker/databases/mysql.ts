import { createConnection, type RowDataPacket } from 'mysql2/promise'
import { aggregatesTable, copyTable, ledgerTable } from '../ledger.js'
import type { LedgerDatabase } from './database.js'

/** Our own two lines instead of core's: the checker imports nothing that it checks. */
const quote = (name: string): string => `\`${name.replaceAll('`', '``')}\``

const id = 'char(36) character set ascii collate ascii_bin not null'
const text = (length: number): string => `varchar(${length}) character set utf8mb4 collate utf8mb4_bin`
const longText = 'longtext character set utf8mb4 collate utf8mb4_bin not null'

/** For MySQL and MariaDB; a schema is a database there. */
export const mysqlLedger: LedgerDatabase = {
  async connect(url) {
    const connection = await createConnection({ uri: url, timezone: 'Z', supportBigNumbers: true })
    return {
      query: async <Row extends object>(statement: string, values: readonly unknown[] = []) =>
        (await connection.query<RowDataPacket[]>(statement, [...values]))[0] as unknown as Row[],
      end: () => connection.end(),
    }
  },

  createLedgerSql(place) {
    const schema = quote(place.schema)
    const refuse = `signal sqlstate '45000' set message_text = 'the ledger is append-only'`
    return [
      `create table ${schema}.${aggregatesTable} (
        id ${text(255)} primary key,
        counter bigint not null default 0
      ) engine = InnoDB`,
      `create table ${schema}.${ledgerTable} (
        event_id ${id} primary key,
        orm varchar(32) not null,
        attempt varchar(64) not null,
        aggregate_type ${text(255)} not null,
        aggregate_id ${text(255)} not null,
        seq bigint not null,
        type ${text(255)} not null,
        payload ${longText},
        headers ${longText},
        topic ${text(249)},
        unique (aggregate_id, seq)
      ) engine = InnoDB`,
      // TRUNCATE fires no trigger here; nothing truncates.
      ...(['update', 'delete'] as const).map(
        (verb) =>
          `create trigger ${schema}.append_only_${verb} before ${verb} on ${schema}.${ledgerTable} for each row ${refuse}`,
      ),
      `create table ${schema}.${copyTable} (
        id ${id}, position bigint unsigned not null, created_at datetime(6) not null, key (id)
      ) engine = InnoDB`,
      `create trigger ${schema}.copy_row after insert on ${schema}.${quote(place.outbox)} for each row
        insert into ${schema}.${copyTable} values (new.id, new.position, new.created_at)`,
    ]
  },

  createAggregatesSql: (place, ids) => ({
    text: `insert into ${quote(place.schema)}.${aggregatesTable} (id) values ?`,
    values: [ids.map((one) => [one])],
  }),

  selectLedgerSql: (place) =>
    `select l.*, c.position, date_format(c.created_at, '%Y-%m-%dT%H:%i:%s.%fZ') as created_at
     from ${quote(place.schema)}.${ledgerTable} l
       left join ${quote(place.schema)}.${copyTable} c on c.id = l.event_id
     order by l.aggregate_id, l.seq`,

  selectLeftSql: (place) =>
    `select id as eventId, 'outbox' as \`where\` from ${quote(place.schema)}.${quote(place.outbox)}
     union all select id, 'held' from ${quote(place.schema)}.${quote(`${place.outbox}_held`)}`,
}

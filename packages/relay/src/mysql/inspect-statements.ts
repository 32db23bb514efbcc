import { qualifiedName, tableName, type OutboxTable, type TableKind } from '@outboxkit/core'
import type { Statement } from './connection.js'

/** Kept apart: servers that only speak the protocol may not know the next ones. */
export const readVersion: Statement = {
  text: 'select version(), @@version_comment',
  values: [],
  unprepared: true,
}

/** Settings and states of the server by name; those that it does not have are left out. */
export const readVariables: Statement = {
  text: `show global variables where variable_name in (
  'server_uuid', 'server_id', 'hostname', 'port', 'read_only', 'super_read_only', 'innodb_read_only',
  'auto_increment_increment', 'wsrep_on', 'group_replication_single_primary_mode', 'group_replication_group_name',
  'innodb_flush_log_at_trx_commit', 'log_bin', 'sync_binlog', 'max_allowed_packet', 'tidb_version')`,
  values: [],
  unprepared: true,
}

/** The account of this connection, as GRANT takes it. */
export const readAccount: Statement = {
  text: `select concat('\`', replace(substring_index(current_user(), '@', 1), '\`', '\`\`'), '\`@\`', substring_index(current_user(), '@', -1), '\`')`,
  values: [],
  unprepared: true,
}

/** How many nodes a Galera cluster has; nothing elsewhere. */
export const readClusterSize: Statement = {
  text: `show global status where variable_name = 'wsrep_cluster_size'`,
  values: [],
  unprepared: true,
}

/** How many channels of this server apply what another server has written. MySQL. */
export const readAppliers: Statement = {
  text: `select count(*) from performance_schema.replication_applier_status where service_state = 'ON'`,
  values: [],
  unprepared: true,
}

/** The members of a group that may write. MySQL. */
export const readPrimaries: Statement = {
  text: `select count(*) from performance_schema.replication_group_members where member_role = 'PRIMARY' and member_state = 'ONLINE'`,
  values: [],
  unprepared: true,
}

/** Which of the tables are there: kind, schema and name as the dictionary spells them, type, engine. */
export function readTables(table: OutboxTable): Statement {
  const kinds = ['outbox', 'lease', 'held'] as const
  return {
    text: kinds
      .map(
        () =>
          `select ?, t.table_schema, t.table_name, t.table_type, t.engine from information_schema.tables t where t.table_schema = coalesce(?, database()) and t.table_name = ?`,
      )
      .join(' union all '),
    values: kinds.flatMap((kind) => [kind, table.schema ?? null, tableName(table, kind)]),
  }
}

/** Columns of a table: name, type, `auto_increment` and the like; whether an index begins with the column. */
export function readColumns(schema: string, name: string): Statement {
  return {
    text: `
select c.column_name, c.data_type, c.extra,
  exists (select 1 from information_schema.statistics s where s.table_schema = c.table_schema
    and s.table_name = c.table_name and s.column_name = c.column_name and s.seq_in_index = 1 and s.index_name = 'PRIMARY')
from information_schema.columns c where c.table_schema = ? and c.table_name = ?`,
    values: [schema, name],
  }
}

/** Statements that do nothing and need one privilege each. */
export function privilegeProbes(
  table: OutboxTable,
): readonly { readonly grant: string; readonly statement: Statement }[] {
  const name = (kind: TableKind): string => qualifiedName(table, 'mysql', kind)
  const probe = (privilege: string, kind: TableKind, text: string) => ({
    grant: `${privilege} on ${name(kind)}`,
    statement: { text, values: [], unprepared: true },
  })
  const writes = (kind: 'lease' | 'held', column: string) => [
    probe('select', kind, `select ${column} from ${name(kind)} where false`),
    probe('insert', kind, `insert into ${name(kind)} select * from ${name(kind)} where false`),
    probe('update', kind, `update ${name(kind)} set ${column} = ${column} where false`),
  ]
  return [
    probe('select', 'outbox', `select position from ${name('outbox')} where false`),
    probe('delete', 'outbox', `delete from ${name('outbox')} where false`),
    ...writes('lease', 'id'),
    ...writes('held', 'position'),
    probe('delete', 'held', `delete from ${name('held')} where false`),
  ]
}

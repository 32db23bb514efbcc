import { qualifiedName, type OutboxTable } from '@outboxkit/core'
import type { Statement } from './connection.js'

/** What is known of server and tables when a source is opened. */
export interface Inspection {
  readonly version: string
  readonly inRecovery: boolean
  /** `null`: not there. */
  readonly outbox: string | null
  readonly lease: string | null
  readonly held: string | null
  /** Names of the outbox table's columns with their types. */
  readonly columns: Readonly<Record<string, string>>
  /** Quoted and qualified name of the sequence behind `position`. */
  readonly sequence: string | null
  readonly sequenceCache: number
  readonly sequenceIncrement: number
  readonly isIndexed: boolean
  readonly isSubscribed: boolean
  readonly isTable: boolean
  readonly hidesRows: boolean
  /** `SELECT on "outbox"` and the like. */
  readonly missingPrivileges: readonly string[]
  readonly sequenceReadable: boolean
  /** The role of this connection, quoted. */
  readonly role: string
  /** Object ids of the table, its partitions and the sequence. */
  readonly relations: readonly string[]
  readonly settings: Readonly<Record<string, string>>
  /** Roles and databases for which `synchronous_commit` is set to off. */
  readonly asynchronousFor: readonly string[]
}

/** Kept apart: a server that is not PostgreSQL does not understand the next one. */
export const readVersion: Statement = { name: '', text: 'select version()', values: [] }

/** One JSON object with the fields of {@link Inspection}. */
export function inspectTables(table: OutboxTable): Statement {
  const names = (['outbox', 'lease', 'held'] as const).map((kind) => qualifiedName(table, 'postgres', kind))
  return { name: '', text: inspection, values: names }
}

const inspection = `
with t as (select to_regclass($1)::oid as outbox, to_regclass($2)::oid as lease, to_regclass($3)::oid as held),
named as (select t.*, c.relkind, (select attnum from pg_attribute where attrelid = t.outbox and attname = 'position' and not attisdropped) as attnum
  from t left join pg_class c on c.oid = t.outbox),
s as (select named.*, case when attnum is not null then pg_get_serial_sequence(outbox::regclass::text, 'position')::regclass::oid end as sequence from named)
select json_build_object(
  'version', version(),
  'inRecovery', pg_is_in_recovery(),
  'role', quote_ident(current_user),
  'outbox', outbox::text, 'lease', lease::text, 'held', held::text,
  'isTable', coalesce(relkind in ('r', 'p'), false),
  'columns', (select coalesce(json_object_agg(attname, format_type(atttypid, null)), '{}') from pg_attribute
    where attrelid = outbox and attnum > 0 and not attisdropped),
  'sequence', (select quote_ident(n.nspname) || '.' || quote_ident(c.relname)
    from pg_class c join pg_namespace n on n.oid = c.relnamespace where c.oid = sequence),
  'sequenceCache', (select seqcache from pg_sequence where seqrelid = sequence),
  'sequenceIncrement', (select seqincrement from pg_sequence where seqrelid = sequence),
  'isIndexed', exists (select from pg_index i join pg_class x on x.oid = i.indexrelid join pg_am a on a.oid = x.relam
    where i.indrelid = outbox and i.indisvalid and a.amname = 'btree' and i.indkey[0] = s.attnum and i.indpred is null),
  'isSubscribed', exists (select from pg_subscription_rel where srrelid = outbox),
  'hidesRows', coalesce(row_security_active(outbox), false),
  'missingPrivileges', (select coalesce(json_agg(p.privilege || ' on ' || p.object::regclass), '[]') from (
    select privilege, outbox as object from unnest(array['SELECT', 'DELETE']) as privilege
    union all select privilege, lease from unnest(array['SELECT', 'INSERT', 'UPDATE']) as privilege
    union all select privilege, held from unnest(array['SELECT', 'INSERT', 'UPDATE', 'DELETE']) as privilege
  ) p where not has_table_privilege(p.object, p.privilege)),
  'sequenceReadable', coalesce(has_sequence_privilege(sequence, 'SELECT'), true),
  'relations', (select json_agg(r.oid::text) from (
    select outbox union select relid from pg_partition_tree(outbox) union select sequence) as r(oid) where r.oid is not null),
  'settings', (select json_object_agg(name, setting) from pg_settings where name in ('fsync', 'synchronous_commit')),
  'asynchronousFor', (select coalesce(json_agg(distinct coalesce(r.rolname, 'every role') || ' in ' || coalesce(d.datname, 'every database')), '[]')
    from pg_db_role_setting g left join pg_roles r on r.oid = g.setrole left join pg_database d on d.oid = g.setdatabase
    where (g.setdatabase = 0 or d.datname = current_database()) and 'synchronous_commit=off' = any(g.setconfig))
)::text from s`

/** Which server this is: survives a restart, changes with a promotion or a restore into another cluster. */
export const readServerIdentity: Statement = {
  name: '',
  text: `select (select system_identifier from pg_control_system())::text, left(pg_walfile_name(pg_current_wal_lsn()), 8)`,
  values: [],
}

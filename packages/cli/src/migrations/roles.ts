import {
  OutboxError,
  qualifiedName,
  quoteIdentifier,
  type Dialect,
  type OutboxSchema,
  type TableKind,
} from '@outboxkit/core'
import type { Database } from '../database/database.js'
import { quotedAccount } from './privilege.js'

/** Names of roles (PostgreSQL), or accounts as `user@host` (MySQL and MariaDB). They have to be there. */
export interface RoleNames {
  readonly application: string
  readonly relay: string
  /** Whoever claims events in the inbox; only used where there is one. */
  readonly consumer: string
}

/** One role with its rights. */
export interface RoleGrants {
  readonly role: keyof RoleNames
  readonly name: string
  readonly grants: readonly string[]
}

type Flavour = Database['flavour']

/**
 * The rights of each role, and no more: the application inserts, the relay reads and moves rows, and neither may change a
 * table. One statement each, to be run by the owner of the tables.
 */
export function roleGrants(flavour: Flavour, schema: OutboxSchema, names: RoleNames): readonly RoleGrants[] {
  const dialect = flavour === 'postgres' ? 'postgres' : 'mysql'
  const { table, parts } = schema
  const roles: RoleGrants[] = []
  const add = (role: keyof RoleNames, rights: readonly Right[], more: readonly string[] = []): void => {
    const grantee = granteeOf(dialect, names[role])
    const usage =
      dialect === 'postgres' && table.schema !== undefined
        ? [`grant usage on schema ${quoteIdentifier('postgres', table.schema)} to ${grantee}`]
        : []
    const tables = rights.map(
      ([what, kind]) => `grant ${what} on ${qualifiedName(table, dialect, kind)} to ${grantee}`,
    )
    roles.push({ role, name: names[role], grants: [...usage, ...tables, ...more] })
  }
  if (parts.includes('base')) {
    add('application', applicationRights(flavour, schema))
    add('relay', relayRights(schema), [
      ...(dialect === 'postgres' ? [sequenceGrant(schema, names.relay)] : []),
      ...witnessGrants(flavour, names.relay),
    ])
  }
  if (parts.includes('inbox')) add('consumer', [['select, insert, delete', 'inbox']])
  return roles
}

type Right = readonly [what: string, kind: TableKind]

/** The position is numbered by the table's own sequence: nothing is granted for it. */
function applicationRights(flavour: Flavour, { table }: OutboxSchema): readonly Right[] {
  return [[`insert${table.uniqueId ? ignoring[flavour] : ''}`, 'outbox']]
}

/** `onDuplicate: 'ignore'` looks at the id; on MySQL it also writes it back, and MariaDB takes that for all columns. */
const ignoring: Readonly<Record<Flavour, string>> = {
  postgres: ', select (id)',
  mysql: ', select (id), update (id)',
  mariadb: ', select (id), update',
}

function relayRights({ parts }: OutboxSchema): readonly Right[] {
  return [
    ['select, delete', 'outbox'],
    ['select, insert, update', 'lease'],
    ['select, insert, update, delete', 'held'],
    ...(parts.includes('archive') ? ([['select, insert, delete', 'archive']] as const) : []),
  ]
}

/** To prove that a position stays empty, the relay reads how far the sequence is. */
function sequenceGrant({ table }: OutboxSchema, relay: string): string {
  const outbox = qualifiedName(table, 'postgres')
  const role = granteeOf('postgres', relay)
  const text = (value: string): string => `'${value.replaceAll("'", "''")}'`
  // Named by the catalogue: PostgreSQL chooses another name where that one is taken.
  return `do $outboxkit$ begin
  execute format('grant select on sequence %s to %s', pg_get_serial_sequence(${text(outbox)}, 'position'), ${text(role)});
end $outboxkit$`
}

/** Not needed, but without them positions of rolled back rows may be looked for longer than they have to be. */
function witnessGrants(flavour: Flavour, relay: string): string[] {
  const account = granteeOf('mysql', relay)
  if (flavour === 'mariadb') return [`grant process on *.* to ${account}`]
  if (flavour === 'mysql')
    return ['metadata_locks', 'threads', 'events_statements_current', 'setup_instruments'].map(
      (name) => `grant select on performance_schema.${name} to ${account}`,
    )
  return []
}

function granteeOf(dialect: Dialect, name: string): string {
  if (name === '' || name.includes('\0'))
    throw new OutboxError('OUTBOX_OPTION_INVALID', 'The name of a role must not be empty.')
  return dialect === 'postgres' ? quoteIdentifier('postgres', name) : quotedAccount(name)
}

/** As a file of SQL, with a heading for each role. */
export function rolesText(roles: readonly RoleGrants[]): string {
  const tasks: Readonly<Record<keyof RoleNames, string>> = {
    application: 'emits: inserts into the outbox, and no more',
    relay: 'publishes: reads the outbox, and moves or deletes what is published',
    consumer: 'claims events in the inbox, and forgets old ones',
  }
  return roles
    .map(({ role, name, grants }) =>
      [
        `-- ${name.replaceAll(/[\r\n]/g, ' ')}: ${tasks[role]}`,
        ...grants.map((grant) => `${grant};`),
        '',
      ].join('\n'),
    )
    .join('\n')
}

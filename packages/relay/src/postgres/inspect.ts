import { OutboxError, qualifiedName, type OutboxTable } from '@outboxkit/core'
import type { Connection } from './connection.js'
import { inspectTables, readServerIdentity, readVersion, type Inspection } from './inspect-statement.js'

/** What an opened source needs to know. */
export interface Inspected {
  readonly sequence: string
  readonly relations: readonly string[]
  /** System identifier and timeline; parts that the role may not see are `?`. */
  readonly server: string
  /** What may cost events and is the server's to change. */
  readonly warnings: readonly string[]
}

/**
 * Looks at server and tables. Throws `OUTBOX_SOURCE_UNSUPPORTED`, with what to do, for everything that cannot be
 * read in order.
 */
export async function inspect(connection: Connection, table: OutboxTable): Promise<Inspected> {
  const [version] = await connection.query(readVersion)
  refuseOtherServers(version?.[0] ?? '')
  const [row] = await connection.query(inspectTables(table))
  const found = JSON.parse(row?.[0] ?? '{}') as Inspection & { readonly sequenceReadable: boolean }
  const name = qualifiedName(table, 'postgres')
  if (found.inRecovery)
    throw unsupported('This server is a replica (in recovery). Give the relay the address of the primary.')
  refuseMissingTables(found, table)
  refuseColumns(found, table)
  if (found.sequence === null)
    throw unsupported(
      `${name}.position has no sequence: reading in order needs one. Make it "bigint generated always as identity primary key", as createTablesSql() does.`,
    )
  refuseUnprovable(found, name, found.sequence)
  refusePrivileges(found, name)
  return {
    sequence: found.sequence,
    relations: found.relations,
    server: await serverIdentity(connection),
    warnings: warningsOf(found, connection.isPooled),
  }
}

function refuseOtherServers(version: string): void {
  const other = /CockroachDB|-YB-/.exec(version)?.[0]
  if (other === undefined) return
  throw unsupported(
    `This server is ${other === '-YB-' ? 'YugabyteDB' : other}: its sequences hand out numbers from caches, which cannot be read in order.`,
  )
}

function refuseMissingTables(found: Inspection, table: OutboxTable): void {
  const missing = (['outbox', 'lease', 'held'] as const).filter((kind) => found[kind] === null)
  if (missing.length > 0) {
    const names = missing.map((kind) => qualifiedName(table, 'postgres', kind)).join(', ')
    throw unsupported(
      `There is no table ${names} in this database. Create it with the SQL of createTablesSql('postgres'); is the schema right (option table.schema)?`,
    )
  }
  if (!found.isTable)
    throw unsupported(
      `${qualifiedName(table, 'postgres')} is not a table. Name the table itself, not a view.`,
    )
}

function refuseColumns({ columns }: Inspection, table: OutboxTable): void {
  const name = qualifiedName(table, 'postgres')
  const needed = [
    'position',
    'id',
    'aggregatetype',
    'aggregateid',
    'type',
    'payload',
    'headers',
    'topic',
    'created_at',
  ]
  const missing = needed.filter((column) => columns[column] === undefined)
  if (missing.length > 0)
    throw unsupported(
      `${name} lacks the column${missing.length > 1 ? 's' : ''} ${missing.join(', ')}. Add what createTablesSql('postgres') shows.`,
    )
  const isBytes = columns['payload'] === 'bytea'
  if (isBytes !== (table.payload === 'bytes'))
    throw unsupported(
      `${name}.payload is ${columns['payload']}, but the option table.payload says '${table.payload}'. Set it to '${isBytes ? 'bytes' : 'json'}'.`,
    )
}

/** Where the proof of `holes.ts` does not hold, or a poll would be slow. */
function refuseUnprovable(found: Inspection, name: string, sequence: string): void {
  if (found.sequenceCache !== 1)
    throw unsupported(
      `The sequence of ${name}.position has CACHE ${found.sequenceCache}: sessions keep numbers and use them later, so that rows cannot be read in order. Run: alter sequence ${sequence} cache 1`,
    )
  if (found.sequenceIncrement < 1)
    throw unsupported(
      `The sequence of ${name}.position counts down. Run: alter sequence ${sequence} increment by 1`,
    )
  if (!found.isIndexed)
    throw unsupported(
      `${name}.position has no index: every poll would read the whole table. Run: alter table ${name} add primary key (position)`,
    )
  if (found.isSubscribed)
    throw unsupported(
      `${name} is filled by a logical replication subscription: its positions come from another server. Point the relay at the server that publishes it.`,
    )
  if (found.hidesRows)
    throw unsupported(
      `Row-level security hides rows of ${name} from this role. Use the table's owner or a role with BYPASSRLS.`,
    )
}

function refusePrivileges(found: Inspection & { readonly sequenceReadable: boolean }, name: string): void {
  const missing = [...found.missingPrivileges]
  if (!found.sequenceReadable) missing.push(`SELECT on sequence ${found.sequence}`)
  if (missing.length > 0)
    throw unsupported(
      `The role of the relay lacks privileges for ${name}. Run: ${missing.map((privilege) => `grant ${privilege} to <role>`).join('; ')}`,
    )
}

function warningsOf({ settings, asynchronousFor }: Inspection, isPooled: boolean): string[] {
  const warnings: string[] = []
  if (settings['fsync'] === 'off')
    warnings.push(
      'fsync is off: after a power failure events may have been published whose transactions are gone. Set fsync = on.',
    )
  if (settings['synchronous_commit'] === 'off')
    warnings.push(
      'synchronous_commit is off: after a crash of the server events may have been published whose transactions are gone. Set it to on.',
    )
  else if (asynchronousFor.length > 0)
    warnings.push(
      `synchronous_commit is off for ${asynchronousFor.join(', ')}: after a crash of the server events may have been published whose transactions are gone.`,
    )
  if (isPooled)
    warnings.push(
      'The connection goes through a pooler: no statement is prepared and no time-out is set on the server. Connect to the server directly if you can.',
    )
  return warnings
}

/** A managed service may refuse these functions; then the start time in every read must do. */
async function serverIdentity(connection: Connection): Promise<string> {
  try {
    const [row] = await connection.query(readServerIdentity)
    return `${row?.[0] ?? '?'}/${row?.[1] ?? '?'}`
  } catch (error) {
    if (error instanceof OutboxError && error.details['sqlState'] !== undefined) return '?/?'
    throw error
  }
}

function unsupported(message: string): OutboxError {
  return new OutboxError('OUTBOX_SOURCE_UNSUPPORTED', message)
}

import { isOutboxError, qualifiedName, quoteIdentifier, type OutboxTable } from '@outboxkit/core'
import { fatal, problemText, refuseFatal, warning, type SourceProblem } from '../problem.js'
import { refuseNewerSchema } from '../schema-version.js'
import type { Connection } from './connection.js'
import { inspectTables, readServerIdentity, readVersion, type Inspection } from './inspect-statement.js'
import { readSchemaVersion } from './lease-statements.js'

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
 * read in order; `OUTBOX_SCHEMA_VERSION` for tables that are newer than this program.
 */
export async function inspect(connection: Connection, table: OutboxTable): Promise<Inspected> {
  const { problems, found } = await look(connection, table)
  refuseFatal(problems)
  const [version] = await connection.query(readSchemaVersion(table))
  refuseNewerSchema(version?.[0], qualifiedName(table, 'postgres'))
  return {
    sequence: found?.sequence ?? '',
    relations: found?.relations ?? [],
    server: await serverIdentity(connection),
    warnings: problems.map(problemText),
  }
}

/** Everything that {@link inspect} would refuse or warn of; what depends on something that is missing is left out. */
export async function findProblems(
  connection: Connection,
  table: OutboxTable,
): Promise<readonly SourceProblem[]> {
  return (await look(connection, table)).problems
}

async function look(
  connection: Connection,
  table: OutboxTable,
): Promise<{ readonly problems: readonly SourceProblem[]; readonly found?: Inspection }> {
  const [version] = await connection.query(readVersion)
  const other = otherServer(version?.[0] ?? '')
  if (other.length > 0) return { problems: other }
  const found = await readTables(connection, table)
  if ('check' in found) return { problems: [found] }
  const server = [...replica(found), ...warningsOf(found, connection.isPooled)]
  const missing = missingTables(found, table)
  if (missing.length > 0) return { problems: [...server, ...missing], found }
  return {
    problems: [...server, ...columns(found, table), ...unprovable(found, table), ...privileges(found, table)],
    found,
  }
}

/** Without USAGE on the schema not even the names are told. */
async function readTables(connection: Connection, table: OutboxTable): Promise<Inspection | SourceProblem> {
  try {
    const [row] = await connection.query(inspectTables(table))
    return JSON.parse(row?.[0] ?? '{}') as Inspection
  } catch (error) {
    if (!isOutboxError(error) || error.details['sqlState'] !== '42501' || table.schema === undefined)
      throw error
    const [role] = await connection.query({ name: '', text: 'select quote_ident(current_user)', values: [] })
    const schema = quoteIdentifier('postgres', table.schema)
    return fatal(
      'privileges',
      `The role of the relay may not use the schema ${schema}.`,
      `Run: grant USAGE on schema ${schema} to ${role?.[0]}`,
    )
  }
}

function otherServer(version: string): SourceProblem[] {
  const other = /CockroachDB|-YB-/.exec(version)?.[0]
  if (other === undefined) return []
  return [
    fatal(
      'other-server',
      `This server is ${other === '-YB-' ? 'YugabyteDB' : other}: its sequences hand out numbers from caches, which cannot be read in order.`,
      'Put the outbox into a table of PostgreSQL.',
    ),
  ]
}

function replica({ inRecovery }: Inspection): SourceProblem[] {
  if (!inRecovery) return []
  return [
    fatal('replica', 'This server is a replica (in recovery).', 'Give the relay the address of the primary.'),
  ]
}

function missingTables(found: Inspection, table: OutboxTable): SourceProblem[] {
  const missing = (['outbox', 'lease', 'held'] as const).filter((kind) => found[kind] === null)
  if (missing.length > 0) {
    const names = missing.map((kind) => qualifiedName(table, 'postgres', kind)).join(', ')
    return [
      fatal(
        'tables',
        `There is no table ${names} in this database.`,
        `Create it with a migration (outboxkit generate, or the SQL of createTablesSql('postgres')); is the schema right (option table.schema)?`,
      ),
    ]
  }
  if (found.isTable) return []
  return [
    fatal(
      'tables',
      `${qualifiedName(table, 'postgres')} is not a table.`,
      'Name the table itself, not a view.',
    ),
  ]
}

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

function columns({ columns: types }: Inspection, table: OutboxTable): SourceProblem[] {
  const name = qualifiedName(table, 'postgres')
  const missing = needed.filter((column) => types[column] === undefined)
  if (missing.length > 0)
    return [
      fatal(
        'columns',
        `${name} lacks the column${missing.length > 1 ? 's' : ''} ${missing.join(', ')}.`,
        `Add what is missing with a migration (outboxkit generate, or what createTablesSql('postgres') shows).`,
      ),
    ]
  const isBytes = types['payload'] === 'bytea'
  if (isBytes === (table.payload === 'bytes')) return []
  return [
    fatal(
      'columns',
      `${name}.payload is ${types['payload']}, but the option table.payload says '${table.payload}'.`,
      `Set it to '${isBytes ? 'bytes' : 'json'}'.`,
    ),
  ]
}

/** Where the proof of `holes.ts` does not hold, or a poll would be slow. */
function unprovable(found: Inspection, table: OutboxTable): SourceProblem[] {
  const name = qualifiedName(table, 'postgres')
  return [
    ...sequence(found, name),
    ...(found.isIndexed
      ? []
      : [
          fatal(
            'position-index',
            `${name}.position has no index: every poll would read the whole table.`,
            `Run: alter table ${name} add primary key (position)`,
          ),
        ]),
    ...(found.isSubscribed
      ? [
          fatal(
            'subscription',
            `${name} is filled by a logical replication subscription: its positions come from another server.`,
            'Point the relay at the server that publishes it.',
          ),
        ]
      : []),
    ...(found.hidesRows
      ? [
          fatal(
            'row-level-security',
            `Row-level security hides rows of ${name} from this role.`,
            "Use the table's owner or a role with BYPASSRLS.",
          ),
        ]
      : []),
  ]
}

function sequence(
  { sequence: own, sequenceCache, sequenceIncrement }: Inspection,
  name: string,
): SourceProblem[] {
  if (own === null)
    return [
      fatal(
        'sequence',
        `${name}.position has no sequence: reading in order needs one.`,
        'Make it "bigint generated always as identity primary key", as createTablesSql() does.',
      ),
    ]
  const problems: SourceProblem[] = []
  if (sequenceCache !== 1)
    problems.push(
      fatal(
        'sequence-cache',
        `The sequence of ${name}.position has CACHE ${sequenceCache}: sessions keep numbers and use them later, so that rows cannot be read in order.`,
        `Run: alter sequence ${own} cache 1`,
      ),
    )
  if (sequenceIncrement < 1)
    problems.push(
      fatal(
        'sequence-direction',
        `The sequence of ${name}.position counts down.`,
        `Run: alter sequence ${own} increment by 1`,
      ),
    )
  return problems
}

function privileges(found: Inspection, table: OutboxTable): SourceProblem[] {
  const missing = [...found.missingPrivileges]
  if (!found.sequenceReadable) missing.push(`SELECT on sequence ${found.sequence}`)
  if (missing.length === 0) return []
  return [
    fatal(
      'privileges',
      `The role of the relay (${found.role}) lacks privileges for ${qualifiedName(table, 'postgres')}.`,
      `Run: ${missing.map((privilege) => `grant ${privilege} to ${found.role}`).join('; ')}`,
    ),
  ]
}

function warningsOf({ settings, asynchronousFor }: Inspection, isPooled: boolean): SourceProblem[] {
  const warnings: SourceProblem[] = []
  const gone = 'events may have been published whose transactions are gone'
  if (settings['fsync'] === 'off')
    warnings.push(warning('fsync', `fsync is off: after a power failure ${gone}.`, 'Set fsync = on.'))
  if (settings['synchronous_commit'] === 'off')
    warnings.push(
      warning(
        'synchronous-commit',
        `synchronous_commit is off: after a crash of the server ${gone}.`,
        'Set it to on.',
      ),
    )
  else if (asynchronousFor.length > 0)
    warnings.push(
      warning(
        'synchronous-commit',
        `synchronous_commit is off for ${asynchronousFor.join(', ')}: after a crash of the server ${gone}.`,
        'Set it to on there.',
      ),
    )
  if (isPooled)
    warnings.push(
      warning(
        'pooler',
        'The connection goes through a pooler: no statement is prepared and no time-out is set on the server.',
        'Connect to the server directly if you can.',
      ),
    )
  return warnings
}

/** A managed service may refuse these functions; then the start time in every read must do. */
async function serverIdentity(connection: Connection): Promise<string> {
  try {
    const [row] = await connection.query(readServerIdentity)
    return `${row?.[0] ?? '?'}/${row?.[1] ?? '?'}`
  } catch (error) {
    if (isOutboxError(error) && error.details['sqlState'] !== undefined) return '?/?'
    throw error
  }
}

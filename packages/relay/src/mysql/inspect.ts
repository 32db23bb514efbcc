import { qualifiedName, type OutboxTable } from '@outboxkit/core'
import { fatal, problemText, refuseFatal, type SourceProblem } from '../problem.js'
import { refuseNewerSchema } from '../schema-version.js'
import type { Connection, RawRow } from './connection.js'
import { optional, refusal } from './inspect-query.js'
import {
  durability,
  otherServer,
  readOnly,
  replica,
  serverOf,
  severalWriters,
  tooOld,
  toVariables,
  type Variables,
} from './inspect-server.js'
import {
  privilegeProbes,
  readAccount,
  readColumns,
  readTables,
  readVariables,
  readVersion,
} from './inspect-statements.js'
import { readSchemaVersion } from './lease-statements.js'
import type { TablePlace } from './statements.js'

/** What an opened source needs to know. */
export interface Inspected {
  readonly place: TablePlace
  /** Which server this is: its uuid, or where it has none its name, port and id. */
  readonly server: string
  /** What may cost events and is the server's to change. */
  readonly warnings: readonly string[]
}

interface Found {
  readonly problems: readonly SourceProblem[]
  readonly variables?: Variables
  /** Known when the tables are there. */
  readonly place?: TablePlace | undefined
}

/**
 * Looks at server and tables. Throws `OUTBOX_SOURCE_UNSUPPORTED`, with what to do, for everything that cannot be
 * read in order; `OUTBOX_SCHEMA_VERSION` for tables that are newer than this program.
 */
export async function inspect(connection: Connection, table: OutboxTable): Promise<Inspected> {
  const { problems, variables, place } = await look(connection, table)
  refuseFatal(problems)
  const [version] = (await connection.query(readSchemaVersion(table))).rows
  refuseNewerSchema(version?.[0], qualifiedName(table, 'mysql'))
  return {
    place: place ?? { schema: '', name: '' },
    server: identityOf(variables ?? new Map()),
    warnings: problems.map(problemText),
  }
}

/** Everything that {@link inspect} would refuse or warn of; what depends on something that is missing is left out. */
export async function findProblems(connection: Connection, table: OutboxTable): Promise<Found> {
  return look(connection, table)
}

async function look(connection: Connection, table: OutboxTable): Promise<Found> {
  const [version] = (await connection.query(readVersion)).rows
  const other = otherServer(version ?? [])
  if (other.length > 0) return { problems: other }
  const server = serverOf(version ?? [])
  const variables = toVariables((await connection.query(readVariables)).rows)
  const problems = [
    ...tooOld(server),
    ...readOnly(variables),
    ...(await severalWriters(connection, variables)),
    ...durability(variables, server.isMariaDb),
    ...(await replica(connection, server)),
  ]
  const tables = await inspectTables(connection, table)
  const { place } = tables
  if (place === undefined) return { problems: [...problems, ...tables.problems], variables }
  return {
    problems: [
      ...problems,
      ...tables.problems,
      ...(await columns(connection, place, table)),
      ...(await privileges(connection, table)),
    ],
    variables,
    place,
  }
}

async function inspectTables(
  connection: Connection,
  table: OutboxTable,
): Promise<{ readonly problems: readonly SourceProblem[]; readonly place?: TablePlace }> {
  const { rows } = await connection.query(readTables(table))
  const found = new Map(rows.map((row) => [String(row[0]), row]))
  const missing = (['outbox', 'lease', 'held'] as const).filter((kind) => !found.has(kind))
  if (missing.length > 0) {
    const names = missing.map((kind) => qualifiedName(table, 'mysql', kind)).join(', ')
    const problem = fatal(
      'tables',
      `There is no table ${names} in this database, or the account of the relay may not see it.`,
      `Create it with a migration (outboxkit generate, or the SQL of createTablesSql('mysql')), or grant select on it to the account; is the database right (in the URL, or the option table.schema)?`,
    )
    return { problems: [problem] }
  }
  const name = qualifiedName(table, 'mysql')
  const [, schema, plain, type] = found.get('outbox') ?? []
  if (String(type) !== 'BASE TABLE')
    return { problems: [fatal('tables', `${name} is not a table.`, 'Name the table itself, not a view.')] }
  return {
    problems: [...found].flatMap(([kind, row]) =>
      engine(row, qualifiedName(table, 'mysql', kind as 'outbox')),
    ),
    place: { schema: String(schema), name: String(plain) },
  }
}

function engine(row: RawRow, name: string): SourceProblem[] {
  const found = String(row[4])
  if (found.toLowerCase() === 'innodb') return []
  return [
    fatal(
      'engine',
      `${name} has the engine ${found}, without transactions.`,
      `Run: alter table ${name} engine = InnoDB`,
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

async function columns(
  connection: Connection,
  place: TablePlace,
  table: OutboxTable,
): Promise<SourceProblem[]> {
  const name = qualifiedName(table, 'mysql')
  const { rows } = await connection.query(readColumns(place.schema, place.name))
  // They are shown only to whoever may read them: that is a matter of privileges.
  if (rows.length === 0) return []
  const found = new Map(rows.map((row) => [String(row[0]).toLowerCase(), row]))
  const missing = needed.filter((column) => !found.has(column))
  if (missing.length > 0)
    return [
      fatal(
        'columns',
        `${name} lacks the column${missing.length > 1 ? 's' : ''} ${missing.join(', ')}.`,
        `Add what is missing with a migration (outboxkit generate, or what createTablesSql('mysql') shows).`,
      ),
    ]
  const problems: SourceProblem[] = []
  const [, type, extra, isIndexed] = found.get('position') ?? []
  if (!/int$/i.test(String(type)) || !/auto_increment/i.test(String(extra)) || Number(isIndexed) !== 1)
    problems.push(
      fatal(
        'columns',
        `${name}.position must be "bigint unsigned auto_increment primary key", as createTablesSql('mysql') makes it:`,
        'reading in order needs the numbers, and that rows are stored by them.',
      ),
    )
  const payload = String(found.get('payload')?.[1]).toLowerCase()
  const isBytes = /blob|binary/.test(payload)
  if (isBytes !== (table.payload === 'bytes'))
    problems.push(
      fatal(
        'columns',
        `${name}.payload is ${payload}, but the option table.payload says '${table.payload}'.`,
        `Set it to '${isBytes ? 'bytes' : 'json'}'.`,
      ),
    )
  return problems
}

async function privileges(connection: Connection, table: OutboxTable): Promise<SourceProblem[]> {
  const missing: string[] = []
  for (const { grant, statement } of privilegeProbes(table))
    if (await refusal(connection, statement)) missing.push(grant)
  if (missing.length === 0) return []
  const account = String((await optional(connection, readAccount))?.[0] ?? '<account>')
  return [
    fatal(
      'privileges',
      `The account of the relay (${account}) lacks privileges.`,
      `Run: ${missing.map((grant) => `grant ${grant} to ${account}`).join('; ')}`,
    ),
  ]
}

function identityOf(variables: Variables): string {
  const uuid = variables.get('server_uuid')
  if (uuid !== undefined && uuid !== '') return uuid
  return ['hostname', 'port', 'server_id'].map((name) => variables.get(name) ?? '?').join(':')
}

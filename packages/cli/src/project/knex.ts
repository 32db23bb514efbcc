import { basename, dirname, extname, join, relative, resolve } from 'node:path'
import {
  databaseOf,
  findModule,
  isUnknown,
  readConfiguration,
  variableAt,
  type Candidate,
  type Search,
} from './candidate.js'
import { literalAt, stringAt, stringsAt, type Literal } from './literals.js'
import { databaseName } from './names.js'

/** Knex, as its own command would find it. */
export async function findKnex(search: Search): Promise<Candidate | undefined> {
  const { files, place, folder, dependencies } = search
  const configFile = findModule(files, place, ['knexfile'])
  if (configFile === undefined) {
    if (!dependencies.has('knex')) return undefined
    return { orm: 'knex', folder, evidence: 'dependency', out: join(folder, 'migrations'), notes: [] }
  }
  const { literal, isComplete } = await readConfiguration(search, configFile, isOpen)
  const { name, config, notes } = chooseEnvironment(literal, search.environment['NODE_ENV'])
  // Knex changes into the folder of its file, and writes new migrations into the last directory.
  const directories = stringsAt(config, 'migrations', 'directory')
  return {
    orm: 'knex',
    folder,
    evidence: 'file',
    configFile,
    out: resolve(dirname(configFile), directories.at(-1) ?? 'migrations'),
    ...databaseOf(stringAt(config, 'client') ?? stringAt(config, 'dialect')),
    urlVariable: variableAt(config, 'connection') ?? variableAt(config, 'connection', 'connectionString'),
    tableSchema: stringsAt(config, 'searchPath').find((schema) => schema !== 'public'),
    extension:
      stringAt(config, 'migrations', 'extension') ?? stringAt(config, 'ext') ?? extname(configFile).slice(1),
    commandFlags: [
      ...(dirname(configFile) === folder ? [] : ['--knexfile', relative(folder, configFile)]),
      ...(name === undefined ? [] : ['--env', name]),
    ],
    notes: isComplete
      ? notes
      : [...notes, `${basename(configFile)} could not be executed; only its literal values are known.`],
  }
}

const paths = [['client'], ['migrations', 'directory'], ['migrations', 'extension']]

function isOpen(literal: Literal): boolean {
  if (literal.kind !== 'object') return true
  const environments = environmentsOf(literal)
  if (environments.length === 0) return literal.open || isUnknown(literal, ...paths)
  return environments.some(([, config]) => isUnknown(config, ...paths))
}

/** Of a file with several environments; empty for a file that is one. */
function environmentsOf(literal: Literal): readonly (readonly [string, Literal])[] {
  if (literal.kind !== 'object' || literal.entries.has('client') || literal.entries.has('migrations'))
    return []
  return [...literal.entries].filter(([, entry]) => entry.kind === 'object' || entry.kind === 'dynamic')
}

interface Environment {
  /** Only when Knex would not choose it by itself. */
  readonly name: string | undefined
  readonly config: Literal
  readonly notes: readonly string[]
}

/** The one that Knex takes; but where that is a database without outbox (the template has SQLite), the first other. */
function chooseEnvironment(literal: Literal, current: string | undefined): Environment {
  const environments = environmentsOf(literal)
  const first = current ?? 'development'
  const own = environments.find(([name]) => name === first)
  const fits = (config: Literal) => databaseName(stringAt(config, 'client') ?? '') !== undefined
  if (environments.length === 0) return { name: undefined, config: literal, notes: [] }
  const isUnfit = own === undefined || (literalAt(own[1], 'client')?.kind === 'value' && !fits(own[1]))
  const chosen = isUnfit ? environments.find(([, config]) => fits(config)) : own
  if (chosen === undefined) return { name: undefined, config: own?.[1] ?? literal, notes: [] }
  if (chosen === own) return { name: undefined, config: chosen[1], notes: [] }
  const why =
    own === undefined ? 'is not in the knexfile' : `uses ${stringAt(own[1], 'client') ?? 'another database'}`
  return {
    name: chosen[0],
    config: chosen[1],
    notes: [
      `The environment ${first} ${why}, so ${chosen[0]} was looked at: the outbox needs its database there.`,
    ],
  }
}

import { isAbsolute, join, resolve } from 'node:path'
import type { ProjectFiles } from './files.js'
import { exportedLiteral, literalAt, toLiteral, type Literal } from './literals.js'
import { databaseName, type DatabaseName, type Orm } from './names.js'

/** An ORM that was found, and what its files say. Paths are absolute. */
export interface Candidate {
  readonly orm: Orm
  /** The package that holds it: the configuration goes there, and commands run there. */
  readonly folder: string
  /** A dependency alone says less than a file of the ORM. */
  readonly evidence: 'file' | 'dependency'
  readonly configFile?: string | undefined
  /** Prisma: the schema's file or folder. Drizzle: the file for the definitions, which may have to be made. */
  readonly schema?: string | undefined
  /** The folder of the migrations. */
  readonly out?: string | undefined
  readonly database?: DatabaseName | undefined
  /** As the file names it: a database that the outbox does not work on. */
  readonly unsupported?: string | undefined
  /** The environment variable that holds the URL of the database. */
  readonly urlVariable?: string | undefined
  /** The schema of PostgreSQL, or the database of MySQL, that the application's tables are in, when it is not the default. */
  readonly tableSchema?: string | undefined
  /** What the ORM's own command needs to find its files from `folder`. */
  readonly commandFlags?: readonly string[] | undefined
  readonly extension?: string | undefined
  /** For people: what was found out but differs from what one would expect. */
  readonly notes: readonly string[]
}

/** Executes a configuration file and gives the parts of it that are not secret; `undefined` when it cannot be. */
export type Evaluate = (file: string) => Promise<unknown>

/** How candidates are looked for. */
export interface Search {
  readonly files: ProjectFiles
  /** The folder to look in. */
  readonly place: string
  /** The package that it belongs to: `place`, or a folder above. */
  readonly folder: string
  readonly dependencies: ReadonlyMap<string, string>
  /** Of `NODE_ENV`. */
  readonly environment: Readonly<Record<string, string | undefined>>
  readonly evaluate?: Evaluate | undefined
  /** `--schema` */
  readonly schema?: string | undefined
}

const extensions = ['ts', 'mts', 'cts', 'js', 'mjs', 'cjs']

/** The first file of these names with one of the extensions that Node and jiti load. */
export function findModule(
  files: ProjectFiles,
  folder: string,
  names: readonly string[],
  also: readonly string[] = [],
): string | undefined {
  return names
    .flatMap((name) => [...extensions, ...also].map((extension) => join(folder, `${name}.${extension}`)))
    .find((path) => files.kind(path) === 'file')
}

/**
 * Reads the text of a configuration file, and executes it only when the text leaves something open that is needed:
 * executing needs its dependencies and its environment, and runs what it does besides.
 */
export async function readConfiguration(
  { files, evaluate }: Search,
  path: string,
  isOpen: (literal: Literal) => boolean,
): Promise<{ readonly literal: Literal; readonly isComplete: boolean }> {
  const literal = exportedLiteral(files.read(path) ?? '')
  if (!isOpen(literal)) return { literal, isComplete: true }
  const data = await evaluate?.(path)
  if (data === undefined || data === null) return { literal, isComplete: false }
  return { literal: withVariables(toLiteral(data), literal), isComplete: true }
}

/** True when only executing the file can tell the value at one of these paths. */
export function isUnknown(literal: Literal, ...paths: readonly (readonly string[])[]): boolean {
  return paths.some((path) => {
    const found = literalAt(literal, ...path)
    return found?.kind === 'dynamic' || found?.kind === 'environment'
  })
}

/** Names of variables are in the text only. */
function withVariables(executed: Literal, text: Literal): Literal {
  if (executed.kind !== 'object' || text.kind !== 'object') return executed
  const entries = new Map(executed.entries)
  for (const [key, entry] of text.entries)
    entries.set(key, entries.has(key) ? withVariables(entries.get(key) ?? entry, entry) : entry)
  return { ...executed, entries }
}

export function variableAt(literal: Literal, ...keys: readonly string[]): string | undefined {
  const found = literalAt(literal, ...keys)
  return found?.kind === 'environment' ? found.name : undefined
}

export function databaseOf(word: string | undefined): Pick<Candidate, 'database' | 'unsupported'> {
  if (word === undefined) return {}
  const database = databaseName(word)
  return database === undefined ? { unsupported: word } : { database }
}

/** A path of a configuration file: of the first folder in which it is there. */
export function resolvePath(files: ProjectFiles, folders: readonly string[], path: string): string {
  if (isAbsolute(path)) return path
  const paths = folders.map((folder) => resolve(folder, path))
  return paths.find((full) => files.kind(full) !== undefined) ?? paths[0] ?? path
}

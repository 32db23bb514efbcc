import { dirname, join } from 'node:path'
import type { Candidate, Evaluate, Search } from './candidate.js'
import { urlScheme } from './dotenv.js'
import { findDrizzle } from './drizzle.js'
import type { ProjectFiles } from './files.js'
import { findKnex } from './knex.js'
import { databaseName, type DatabaseName, type Orm, type PackageManager } from './names.js'
import { ancestors, packageFolder, packageManagerOf, readPackageJson } from './package-json.js'
import { findPrisma } from './prisma.js'
import { foldersBelow, workspaceOf } from './workspace.js'

/** What the files of a project say. Paths are absolute. */
export interface Project {
  /** The package that the command was started in; without package.json the folder itself. */
  readonly folder: string
  readonly hasPackageJson: boolean
  /** The outermost folder that belongs to the project: nothing outside of it is written. */
  readonly root: string
  readonly packageManager: PackageManager
  /** ORMs that were found: those of the package itself, else those of the workspace. */
  readonly candidates: readonly Candidate[]
}

/** How a package is written. */
export interface PackageStyle {
  readonly folder: string
  readonly isModule: boolean
  readonly isTypeScript: boolean
  readonly dependencies: ReadonlyMap<string, string>
}

export interface DetectOptions {
  readonly files: ProjectFiles
  readonly cwd: string
  readonly environment: Readonly<Record<string, string | undefined>>
  /** For configuration files whose text does not say enough. Without it they stay unknown. */
  readonly evaluate?: Evaluate | undefined
  /** `--schema`, absolute. */
  readonly schema?: string | undefined
  /** `--orm`: others are not looked for. */
  readonly orm?: Orm | undefined
}

/** Looks at a project without changing anything. Never rejects: what cannot be found out is not there. */
export async function detectProject(options: DetectOptions): Promise<Project> {
  const { files, cwd } = options
  const found = packageFolder(files, cwd)
  const folder = found ?? cwd
  const workspace = workspaceOf(files, folder)
  return {
    folder,
    hasPackageJson: found !== undefined,
    root: workspace?.root ?? folder,
    packageManager: packageManagerOf(files, folder),
    candidates: await findCandidates(options, folder, workspace?.members ?? []),
  }
}

async function findCandidates(
  options: DetectOptions,
  folder: string,
  members: readonly string[],
): Promise<readonly Candidate[]> {
  const { files, schema } = options
  // A schema that is named belongs to its own package.
  if (schema !== undefined) return candidatesIn(options, [packageFolder(files, dirname(schema)) ?? folder])
  const own = await candidatesIn(options, [folder])
  if (own.some(isFile)) return own
  const others = members.filter((member) => member !== folder)
  const below = others.length > 0 ? others : foldersBelow(files, folder)
  const elsewhere = await candidatesIn(options, below)
  if (elsewhere.some(isFile)) return elsewhere.filter(isFile)
  return own.length > 0 ? own : elsewhere
}

const isFile = (candidate: Candidate): boolean => candidate.evidence === 'file'

async function candidatesIn(
  options: DetectOptions,
  places: readonly string[],
): Promise<readonly Candidate[]> {
  const finders = { prisma: findPrisma, drizzle: findDrizzle, knex: findKnex }
  const candidates: Candidate[] = []
  for (const place of places)
    for (const orm of Object.keys(finders) as Orm[]) {
      if (options.orm !== undefined && options.orm !== orm) continue
      const candidate = await finders[orm](searchIn(options, place))
      if (candidate !== undefined && !candidates.some((other) => isSame(candidate, other)))
        candidates.push(candidate)
    }
  return candidates
}

/** prisma/schema.prisma is also schema.prisma in the folder prisma. */
const isSame = (one: Candidate, other: Candidate): boolean =>
  one.orm === other.orm &&
  (one.configFile ?? one.schema) !== undefined &&
  one.configFile === other.configFile &&
  one.schema === other.schema

function searchIn({ files, environment, evaluate, schema }: DetectOptions, place: string): Search {
  const folder = packageFolder(files, place) ?? place
  const dependencies = place === folder ? readPackageJson(files, folder)?.dependencies : undefined
  return { files, place, folder, dependencies: dependencies ?? new Map(), environment, evaluate, schema }
}

/** How the package at `folder` is written; what it does not say, the packages around it may. */
export function packageStyle(files: ProjectFiles, folder: string): PackageStyle {
  const own = readPackageJson(files, folder)
  const dependencies = own?.dependencies ?? new Map<string, string>()
  const isTypeScript =
    dependencies.has('typescript') ||
    ['tsconfig.json', 'tsconfig.app.json'].some((name) => files.kind(join(folder, name)) === 'file')
  return { folder, isModule: own?.isModule ?? false, isTypeScript, dependencies }
}

/** By the scheme of the URL in the environment or in a `.env` file, else by the driver among the dependencies. */
export function databaseByUrlOrDriver(
  { files, environment }: Pick<DetectOptions, 'files' | 'environment'>,
  project: Pick<Project, 'root'>,
  { folder, dependencies }: Pick<PackageStyle, 'folder' | 'dependencies'>,
  variable: string,
): DatabaseName | undefined {
  const folders = ancestors(folder).slice(0, ancestors(folder).indexOf(project.root) + 1)
  const scheme = urlScheme(files, folders, environment, variable)
  const byUrl = scheme === undefined ? undefined : databaseName(scheme)
  return byUrl ?? databaseByDriver(dependencies)
}

/** `undefined` when there is none, or one of each kind. */
function databaseByDriver(dependencies: ReadonlyMap<string, string>): DatabaseName | undefined {
  const has = (...names: readonly string[]) => names.some((name) => dependencies.has(name))
  const postgres = has('pg', 'postgres', '@prisma/adapter-pg', '@neondatabase/serverless', '@vercel/postgres')
  const mysql = has('mysql2', 'mysql')
  const mariadb = has('mariadb', '@prisma/adapter-mariadb')
  if (postgres === (mysql || mariadb)) return undefined
  if (postgres) return 'postgres'
  return mysql ? 'mysql' : 'mariadb'
}

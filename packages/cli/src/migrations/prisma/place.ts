import { posix } from 'node:path'
import { OutboxError, type Dialect, type OutboxTable } from '@outboxkit/core'
import type { MigrationProject } from '../generator.js'

/** A schema of Prisma's in a project: one file, or all files of a folder. */
export interface PrismaPlace {
  /** Path and text of every file. */
  readonly files: ReadonlyMap<string, string>
  /** The file with the datasource. */
  readonly main: string
  readonly isFolder: boolean
  /** Folder of the migrations. */
  readonly migrations: string
  /** `schemas` of the datasource; empty: Prisma looks at one schema only, the connection's. */
  readonly schemas: readonly string[]
}

const usual = ['prisma/schema.prisma', 'schema.prisma', 'prisma/schema', 'prisma']

/** Throws `OUTBOX_OPTION_INVALID` where there is no schema, or one of another database. */
export function findPrisma(project: MigrationProject): PrismaPlace {
  for (const path of project.schema === undefined ? usual : [clean(project.schema)]) {
    const files = filesOf(project, path)
    const main = [...files].find(([, text]) => datasourceOf(text) !== undefined)
    if (main === undefined) continue
    const [file, text] = main
    requireProvider(project.dialect, file, datasourceOf(text) ?? '')
    return {
      files,
      main: file,
      isFolder: !path.endsWith('.prisma'),
      migrations:
        project.out === undefined ? posix.join(posix.dirname(file), 'migrations') : clean(project.out),
      schemas: schemasOf(datasourceOf(text) ?? ''),
    }
  }
  throw invalid(
    project.schema === undefined
      ? `No Prisma schema with a datasource was found (looked for ${usual.join(', ')}). Name it as migrations.schema in outbox.config, or by outboxkit init --schema.`
      : `${project.schema} is no Prisma schema with a datasource. Name the file or the folder as migrations.schema in outbox.config.`,
  )
}

/**
 * The schema for `@@schema`, or `undefined` where models need none. Throws `OUTBOX_OPTION_INVALID` where Prisma cannot tell
 * the tables from others.
 */
export function modelSchema(
  place: PrismaPlace,
  dialect: Dialect,
  { schema }: OutboxTable,
): string | undefined {
  if (dialect === 'mysql') {
    if (schema === undefined) return undefined
    throw invalid(
      `On MySQL and MariaDB a schema is a database, and Prisma's migrations stand in the connection's: leave out the option schema (${schema}), or generate plain SQL (--tool sql).`,
    )
  }
  if (place.schemas.length === 0) {
    if (schema === undefined || schema === 'public') return undefined
    throw invalid(
      `Prisma looks at one schema only, and so cannot be told about tables in ${schema}: add schemas = ["public", ${JSON.stringify(schema)}] to the datasource in ${place.main} (Prisma then wants @@schema on each model), or leave out the option schema, or generate plain SQL (--tool sql).`,
    )
  }
  const wanted = schema ?? 'public'
  if (place.schemas.includes(wanted)) return wanted
  throw invalid(
    `The datasource in ${place.main} has the schemas ${place.schemas.join(', ')}, not ${wanted}: add it there, or choose one of them by the option schema.`,
  )
}

const clean = (path: string): string => posix.normalize(path.replaceAll('\\', '/')).replace(/\/$/, '')

function filesOf(project: MigrationProject, path: string): ReadonlyMap<string, string> {
  if (path.endsWith('.prisma')) {
    const text = project.read(path)
    return new Map(text === undefined ? [] : [[path, text]])
  }
  const paths = project.list(path).flatMap((name) => {
    const inner = posix.join(path, name)
    if (name.endsWith('/')) return name === 'migrations/' ? [] : [...filesOf(project, clean(inner)).keys()]
    return name.endsWith('.prisma') ? [inner] : []
  })
  return new Map(paths.map((file) => [file, project.read(file) ?? '']))
}

/** What stands between the braces. */
const datasourceOf = (text: string): string | undefined =>
  /^\s*datasource\s+\w+\s*\{([^}]*)\}/m.exec(withoutComments(text))?.[1]

const withoutComments = (text: string): string => text.replaceAll(/^\s*\/\/.*$/gm, '')

const schemasOf = (datasource: string): string[] =>
  [...(/\bschemas\s*=\s*\[([^\]]*)\]/.exec(datasource)?.[1] ?? '').matchAll(/"([^"]+)"/g)].map(
    ([, name = '']) => name,
  )

function requireProvider(dialect: Dialect, file: string, datasource: string): void {
  const provider = /\bprovider\s*=\s*"([^"]+)"/.exec(datasource)?.[1]
  const fitting = dialect === 'postgres' ? ['postgresql', 'postgres'] : ['mysql']
  if (provider === undefined || fitting.includes(provider)) return
  throw invalid(
    `The datasource in ${file} has the provider ${provider}, but the outbox is to be made for ${dialect === 'postgres' ? 'PostgreSQL' : 'MySQL or MariaDB'}. Check the database of your configuration.`,
  )
}

const invalid = (message: string): OutboxError => new OutboxError('OUTBOX_OPTION_INVALID', message)

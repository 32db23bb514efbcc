import { basename, dirname, extname, join, relative } from 'node:path'
import {
  databaseOf,
  findModule,
  isUnknown,
  readConfiguration,
  resolvePath,
  variableAt,
  type Candidate,
  type Search,
} from './candidate.js'
import { withoutComments } from './code.js'
import type { ProjectFiles } from './files.js'
import { stringAt, stringsAt, type Literal } from './literals.js'

/** Drizzle, as drizzle-kit would find it. */
export async function findDrizzle(search: Search): Promise<Candidate | undefined> {
  const { files, place, folder, dependencies, schema } = search
  const configFile = findModule(files, place, ['drizzle.config'], ['json'])
  if (configFile === undefined) {
    if (!dependencies.has('drizzle-orm')) return undefined
    return { orm: 'drizzle', folder, evidence: 'dependency', schema, out: join(folder, 'drizzle'), notes: [] }
  }
  const { literal, isComplete } = await readConfiguration(search, configFile, (config) =>
    isUnknown(config, ['dialect'], ['schema'], ['out']),
  )
  // drizzle-kit resolves paths from where it is run: the package, or in some repositories the file's folder.
  const folders = [folder, dirname(configFile)]
  const definitions = schema ?? definitionsFile(files, folders, stringsAt(literal, 'schema'))
  return {
    orm: 'drizzle',
    folder,
    evidence: 'file',
    configFile,
    schema: definitions,
    out: resolvePath(files, folders, stringAt(literal, 'out') ?? 'drizzle'),
    ...databaseOf(stringAt(literal, 'dialect')),
    urlVariable: variableAt(literal, 'dbCredentials', 'url'),
    tableSchema: schemaOfTables(search, folders, literal),
    commandFlags: dirname(configFile) === folder ? [] : ['--config', relative(folder, configFile)],
    notes: isComplete
      ? []
      : [`${basename(configFile)} could not be executed; only its literal values are known.`],
  }
}

/**
 * Where the tables' definitions go so that drizzle-kit finds them: a file of its own in a folder or glob, or the
 * schema's only file, which they are appended to.
 */
function definitionsFile(
  files: ProjectFiles,
  folders: readonly string[],
  schemas: readonly string[],
): string | undefined {
  const places = schemas.map((pattern) => {
    const glob = /[*?[{]/.exec(pattern)
    if (glob === null) {
      const path = resolvePath(files, folders, pattern)
      return files.kind(path) === 'folder' ? newFile(files, path) : path
    }
    const fixed = pattern.slice(0, glob.index).replace(/[^/]*$/, '') || '.'
    return globFile(files, resolvePath(files, folders, fixed), pattern.slice(glob.index))
  })
  const known = places.filter((place) => place !== undefined)
  return known.find((path) => isOurs(path)) ?? known[0]
}

const isOurs = (path: string): boolean => /^outbox(\.\w+)?\.\w+$/.test(basename(path))

const newFile = (files: ProjectFiles, folder: string): string =>
  join(folder, `outbox.${sourceExtension(files, folder)}`)

/** A name that the last part of the glob takes: `*.ts`, `*.schema.ts`, `**\/schema.ts`. */
function globFile(files: ProjectFiles, folder: string, glob: string): string | undefined {
  const last = basename(glob)
  const options = /\{([^}]*)\}/.exec(last)
  const name = options === null ? last : last.replace(options[0], options[1]?.split(',')[0] ?? '')
  if (name === '*' || name === '**') return newFile(files, folder)
  if (/[?[\]!]/.test(name)) return undefined
  if (name.startsWith('*')) {
    const file = `outbox${name.slice(1).replaceAll('*', '')}`
    return join(folder, extname(file) === '' ? `${file}.${sourceExtension(files, folder)}` : file)
  }
  return glob.includes('/') && !name.includes('*') ? join(folder, 'outbox', name) : undefined
}

const sourceExtension = (files: ProjectFiles, folder: string): string => {
  const names = files.list(folder).map((name) => extname(name).slice(1))
  return ['ts', 'mts', 'js', 'mjs'].find((extension) => names.includes(extension)) ?? 'ts'
}

/** The `pgSchema` that all tables are in, or the first that drizzle-kit is told to look at. */
function schemaOfTables({ files }: Search, folders: readonly string[], config: Literal): string | undefined {
  const filter = stringsAt(config, 'schemaFilter').filter((name) => /^\w+$/.test(name))
  if (filter.length > 0) return filter.includes('public') ? undefined : filter[0]
  const code = stringsAt(config, 'schema')
    .flatMap((pattern) =>
      sources(files, resolvePath(files, folders, pattern.replace(/\/?[^/]*[*?[{].*$/, '') || '.')),
    )
    .map((path) => withoutComments(files.read(path) ?? ''))
    .join('\n')
  const names = new Set([...code.matchAll(/\bpgSchema\(\s*["'`]([^"'`]+)["'`]/g)].map(([, name]) => name))
  return names.size === 1 && !/\bpgTable\(/.test(code) ? [...names][0] : undefined
}

function sources(files: ProjectFiles, path: string, depth = 3): readonly string[] {
  if (files.kind(path) === 'file') return /\.[cm]?[jt]s$/.test(path) ? [path] : []
  if (depth === 0 || basename(path) === 'node_modules') return []
  return files.list(path).flatMap((name) => sources(files, join(path, name), depth - 1))
}

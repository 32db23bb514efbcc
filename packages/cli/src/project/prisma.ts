import { basename, dirname, join, relative, resolve } from 'node:path'
import {
  databaseOf,
  findModule,
  isUnknown,
  readConfiguration,
  variableAt,
  type Candidate,
  type Search,
} from './candidate.js'
import type { ProjectFiles } from './files.js'
import { stringAt, type Literal } from './literals.js'
import { readPackageJson } from './package-json.js'

const configNames = ['prisma.config', join('.config', 'prisma'), join('.config', 'prisma.config')]
/** Where Prisma looks by itself, and where it has to be told (newer ones). */
const defaultSchemas = [join('prisma', 'schema.prisma'), 'schema.prisma']
const usualSchemas = [...defaultSchemas, join('prisma', 'schema'), 'prisma']

/** Prisma, as its own command would find it: `--schema`, prisma.config.*, package.json, the default places. */
export async function findPrisma(search: Search): Promise<Candidate | undefined> {
  const { files, place, folder, dependencies } = search
  const configFile = findModule(files, place, configNames)
  const config = configFile === undefined ? undefined : await readPrismaConfig(search, configFile)
  const schema = schemaPath(search, config?.literal, configFile)
  const schemaFiles = schema === undefined ? [] : prismaFiles(files, schema)
  if (schemaFiles.length === 0) {
    const isUsed = dependencies.has('@prisma/client') || dependencies.has('prisma')
    if (configFile === undefined && !isUsed) return undefined
    return {
      orm: 'prisma',
      folder,
      evidence: configFile === undefined ? 'dependency' : 'file',
      configFile,
      notes: [],
    }
  }
  const datasource = findDatasource(files, schemaFiles)
  const configured = config === undefined ? undefined : stringAt(config.literal, 'migrations', 'path')
  return {
    orm: 'prisma',
    folder,
    evidence: 'file',
    configFile,
    schema,
    out:
      configured === undefined || configFile === undefined
        ? join(dirname(datasource?.file ?? join(schema ?? place, '-')), 'migrations')
        : resolve(dirname(configFile), configured),
    ...databaseOf(datasource?.provider),
    urlVariable:
      datasource?.urlVariable ??
      (config === undefined ? undefined : variableAt(config.literal, 'datasource', 'url')),
    tableSchema: datasource?.schema,
    commandFlags: commandFlags(search, configFile, schema),
    notes:
      config?.isComplete === false
        ? [`${basename(configFile ?? '')} could not be executed; the paths that it computes may differ.`]
        : [],
  }
}

const readPrismaConfig = (search: Search, path: string) =>
  readConfiguration(search, path, (literal) => isUnknown(literal, ['schema'], ['migrations', 'path']))

function schemaPath(
  { files, place, folder, schema }: Search,
  config: Literal | undefined,
  configFile: string | undefined,
): string | undefined {
  if (schema !== undefined) return schema
  const configured = config === undefined ? undefined : stringAt(config, 'schema')
  if (configured !== undefined && configFile !== undefined) return resolve(dirname(configFile), configured)
  const inPackage = place === folder ? readPackageJson(files, folder)?.prismaSchema : undefined
  if (inPackage !== undefined) return resolve(folder, inPackage)
  return usualSchemas.map((path) => join(place, path)).find((path) => prismaFiles(files, path).length > 0)
}

/** None where Prisma finds the schema by itself, run in the package. */
function commandFlags(
  { files, place, folder, schema: asked }: Search,
  configFile: string | undefined,
  schema: string | undefined,
): readonly string[] {
  const isInPackage = place === folder
  const inPackageJson = isInPackage ? readPackageJson(files, folder)?.prismaSchema : undefined
  const found =
    (asked === undefined && (configFile !== undefined || inPackageJson !== undefined)) ||
    (inPackageJson !== undefined && resolve(folder, inPackageJson) === schema) ||
    defaultSchemas.some((path) => join(folder, path) === schema)
  if (isInPackage && found) return []
  if (configFile !== undefined && asked === undefined) return ['--config', relative(folder, configFile)]
  return schema === undefined ? [] : ['--schema', relative(folder, schema)]
}

/** The file itself, or all `.prisma` files below the folder. */
export function prismaFiles(files: ProjectFiles, path: string, depth = 5): readonly string[] {
  if (files.kind(path) === 'file') return path.endsWith('.prisma') ? [path] : []
  if (depth === 0) return []
  return files
    .list(path)
    .filter((name) => name !== 'node_modules' && name !== 'migrations')
    .flatMap((name) => prismaFiles(files, join(path, name), depth - 1))
}

interface Datasource {
  readonly file: string
  readonly provider: string | undefined
  readonly urlVariable: string | undefined
  /** With several schemas in the datasource, every model names its own. */
  readonly schema: string | undefined
}

function findDatasource(files: ProjectFiles, paths: readonly string[]): Datasource | undefined {
  for (const file of paths) {
    const text = (files.read(file) ?? '').replace(/^\s*\/\/.*$/gm, '')
    const block = /^\s*datasource\s+\w+\s*\{([\s\S]*?)^\s*\}/m.exec(text)?.[1]
    if (block === undefined) continue
    const schemas = [...(/^\s*schemas\s*=\s*\[([^\]]*)\]/m.exec(block)?.[1] ?? '').matchAll(/"([^"]+)"/g)]
    const names = schemas.map(([, name = '']) => name)
    return {
      file,
      provider: /^\s*provider\s*=\s*"([^"]+)"/m.exec(block)?.[1],
      urlVariable: /^\s*url\s*=\s*env\(\s*"([^"]+)"\s*\)/m.exec(block)?.[1],
      schema: names.includes('public') ? 'public' : names[0],
    }
  }
  return undefined
}

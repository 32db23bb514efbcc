import { basename, dirname, extname, join, relative, sep } from 'node:path'
import type { ProjectFiles } from '../project/files.js'
import { exportedLiteral, literalAt, stringsAt } from '../project/literals.js'
import { ancestors, readPackageJson } from '../project/package-json.js'
import type { Choice } from './choose.js'
import { codeStyle, type CodeStyle } from './style.js'

export const configExtensions: readonly string[] = ['ts', 'mts', 'cts', 'js', 'mjs', 'cjs', 'json']

/** The configuration that is there already, in the package or above it, within the project. */
export function existingConfig(files: ProjectFiles, folder: string, root: string): string | undefined {
  const folders = ancestors(folder)
  return folders
    .slice(0, folders.indexOf(root) + 1)
    .flatMap((place) => configExtensions.map((extension) => join(place, `outbox.config.${extension}`)))
    .find((path) => files.kind(path) === 'file')
}

/** Where a new configuration goes, in the style of the project. */
export function configPath(files: ProjectFiles, { folder, isTypeScript }: Choice['style']): string {
  const name = (extension: string) => join(folder, `outbox.config.${extension}`)
  if (files.kind(join(folder, 'package.json')) !== 'file' && !isTypeScript) return name('json')
  if (!isTypeScript) return name('js')
  return name(wouldBeCompiled(files, folder) ? 'mjs' : 'ts')
}

/**
 * True where `tsc` would compile a TypeScript file next to tsconfig.json and there is none yet: that would be an error with
 * a `rootDir` below, and move everything in `outDir` one folder down without.
 */
function wouldBeCompiled(files: ProjectFiles, folder: string): boolean {
  if (files.list(folder).some((name) => /(?<!\.d)\.[cm]?ts$/.test(name))) return false
  const config = exportedLiteral(files.read(join(folder, 'tsconfig.json')) ?? '')
  const noEmit = literalAt(config, 'compilerOptions', 'noEmit')
  if (noEmit?.kind === 'value' && noEmit.value === true) return false
  const emits = ['outDir', 'rootDir'].some(
    (key) => literalAt(config, 'compilerOptions', key)?.kind === 'value',
  )
  const patterns = [...stringsAt(config, 'include'), ...stringsAt(config, 'files')]
  return emits && (patterns.length === 0 || patterns.some((pattern) => /^(\.\/)?(\.|\*.*)$/.test(pattern)))
}

export interface ConfigPlace {
  readonly files: ProjectFiles
  /** Of the project: `.env` files above are not looked at. */
  readonly root: string
}

/** The text of a new configuration. */
export function configText(place: ConfigPlace, path: string, choice: Choice): string {
  const { files } = place
  const from = (target: string) => relative(dirname(path), target).split(sep).join('/') || '.'
  const migrations = {
    tool: choice.tool,
    ...(choice.schema === undefined ? {} : { schema: from(choice.schema) }),
    ...(choice.out === undefined ? {} : { out: from(choice.out) }),
  }
  const table = choice.tableSchema === undefined ? undefined : { schema: choice.tableSchema }
  if (extname(path) === '.json')
    return `${JSON.stringify({ ...(table === undefined ? {} : { table }), kafka: { brokers: ['localhost:9092'] }, migrations }, null, 2)}\n`
  const neighbour = choice.candidate?.configFile
  const isCode = neighbour !== undefined && !neighbour.endsWith('.json')
  const style = codeStyle(isCode ? (files.read(neighbour) ?? '') : '')
  const { q, end } = style
  const variable = /^[A-Za-z_$][\w$]*$/.test(choice.urlVariable)
    ? `.${choice.urlVariable}`
    : `[${q(choice.urlVariable)}]`
  const lines = [
    'export default defineConfig({',
    `  database: { url: process.env${variable} },`,
    ...(table === undefined ? [] : [`  table: ${inline(table, style)},`]),
    '  // For the relay; outboxkit dev needs no Kafka.',
    `  kafka: { brokers: (process.env.KAFKA_BROKERS ?? ${q('localhost:9092')}).split(${q(',')}) },`,
    `  migrations: ${inline(migrations, style)},`,
    `})${end}`,
  ]
  const code = [...dotenvLines(place, path, choice, style), ...lines].join('\n')
  return `${isCommonJs(files, path) ? toCommonJs(code) : code}\n`
}

function inline(entries: Readonly<Record<string, string>>, { q }: CodeStyle): string {
  return `{ ${Object.entries(entries)
    .map(([key, value]) => `${key}: ${q(value)}`)
    .join(', ')} }`
}

/** Imports first; then, where the URL is in a `.env` file, what loads it: the command itself reads no such file. */
function dotenvLines(
  { files, root }: ConfigPlace,
  path: string,
  { style: { dependencies, folder }, urlVariable }: Choice,
  { q, end }: CodeStyle,
): readonly string[] {
  const config = `import { defineConfig } from ${q('outboxkit')}${end}`
  const folders = ancestors(folder)
  const isNamed = new RegExp(`^[ \\t]*(?:export[ \\t]+)?${urlVariable}[ \\t]*=`, 'm')
  const place = folders
    .slice(0, folders.indexOf(root) + 1)
    .find((above) => isNamed.test(files.read(join(above, '.env')) ?? ''))
  // It loads the file of the working directory only.
  if (dependencies.has('dotenv') && (place === undefined || place === folder))
    return [`import ${q('dotenv/config')}${end}`, config, '']
  if (place === undefined || dirname(path) !== folder) return [config, '']
  const file = q(relative(folder, join(place, '.env')).split(sep).join('/'))
  return [
    `import { existsSync } from ${q('node:fs')}${end}`,
    config,
    '',
    `if (existsSync(${file})) process.loadEnvFile(${file})${end}`,
    '',
  ]
}

function isCommonJs(files: ProjectFiles, path: string): boolean {
  if (extname(path) === '.cjs') return true
  const home = ancestors(dirname(path)).find((folder) => files.kind(join(folder, 'package.json')) === 'file')
  return extname(path) === '.js' && (home === undefined || readPackageJson(files, home)?.isModule !== true)
}

function toCommonJs(code: string): string {
  return code
    .replace(/^import (\{.*\}) from (['"][^'"]+['"])/gm, 'const $1 = require($2)')
    .replace(/^import (['"][^'"]+['"])/gm, 'require($1)')
    .replace(/^export default/m, 'module.exports =')
}

export function isConfigName(path: string): boolean {
  return configExtensions.includes(extname(path).slice(1))
}

/** What a command that runs in `folder` needs to find the configuration. */
export function configFlags(folder: string, path: string): readonly string[] {
  const isFound = ancestors(folder).includes(dirname(path)) && basename(path).startsWith('outbox.config.')
  return isFound ? [] : ['--config', relative(folder, path)]
}

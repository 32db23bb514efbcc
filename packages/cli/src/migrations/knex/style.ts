import { posix } from 'node:path'
import type { MigrationProject } from '../generator.js'

/** How the project writes its migrations. */
export interface KnexStyle {
  readonly extension: string
  readonly language: 'typescript' | 'esm' | 'commonjs'
}

const extensions = ['ts', 'mts', 'cts', 'js', 'mjs', 'cjs']

/** As the newest migration is written, else as the knexfile says, else as the package is. */
export function knexStyle(project: MigrationProject, folder: string, files: readonly string[]): KnexStyle {
  const newest = files.findLast((file) => extensions.includes(extensionOf(file)))
  const extension = newest === undefined ? chosenExtension(project) : extensionOf(newest)
  if (extension.endsWith('ts')) return { extension, language: 'typescript' }
  if (extension === 'mjs') return { extension, language: 'esm' }
  if (extension === 'cjs') return { extension, language: 'commonjs' }
  const text = newest === undefined ? undefined : project.read(posix.join(folder, newest))
  if (text !== undefined && /^export\s/m.test(text)) return { extension, language: 'esm' }
  if (text !== undefined && /^(?:module\.)?exports\b/m.test(text)) return { extension, language: 'commonjs' }
  return { extension, language: isModule(project, folder) ? 'esm' : 'commonjs' }
}

const extensionOf = (file: string): string => posix.extname(file).slice(1)

/** The extension of the knexfile stands for that of the migrations, as Knex itself takes it. */
function chosenExtension(project: MigrationProject): string {
  const given = project.extension
  return given !== undefined && extensions.includes(given) ? given : 'js'
}

/** By the package that the folder belongs to. */
function isModule(project: MigrationProject, folder: string): boolean {
  for (let place = posix.normalize(folder); ; place = posix.dirname(place)) {
    const text = project.read(posix.join(place, 'package.json'))
    if (text !== undefined) return /"type"\s*:\s*"module"/.test(text)
    if (place === '.' || place === '/') return false
  }
}

import type { Dialect, SchemaOptions } from '@outboxkit/core'
import { generateMigration, type Generated } from '../../src/migrations/generate.js'
import type { MigrationGenerator, MigrationProject } from '../../src/migrations/generator.js'

/** A project in memory: paths and texts. */
export type Files = Record<string, string>

export function memoryProject(
  files: Files,
  dialect: Dialect,
  options: Partial<Pick<MigrationProject, 'schema' | 'out' | 'now'>> = {},
): MigrationProject {
  return {
    root: '/project',
    dialect,
    out: undefined,
    schema: undefined,
    now: new Date('2026-11-24T20:00:00Z'),
    ...options,
    read: (path) => files[path],
    list: (folder) => {
      const prefix = folder === '.' ? '' : `${folder}/`
      const names = Object.keys(files)
        .filter((path) => path.startsWith(prefix))
        .map((path) => path.slice(prefix.length).replace(/\/.*/, '/'))
      return [...new Set(names)].sort()
    },
  }
}

/** Plans and writes into `files`. */
export function generateInto(
  files: Files,
  generator: MigrationGenerator,
  dialect: Dialect,
  options: SchemaOptions = {},
  project: Partial<Pick<MigrationProject, 'schema' | 'out' | 'now'>> = {},
): Generated {
  const view = memoryProject(files, dialect, project)
  const generated = generateMigration({ project: view, generator, options })
  for (const { path, content, mode } of generated.files)
    files[path] = mode === 'append' ? (files[path] ?? '') + content : content
  return generated
}

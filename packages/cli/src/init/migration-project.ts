import { join, relative, sep } from 'node:path'
import type { Dialect } from '@outboxkit/core'
import type { MigrationProject } from '../migrations/generator.js'
import type { ProjectFiles } from '../project/files.js'
import type { DatabaseName } from '../project/names.js'

export const dialectOf = (database: DatabaseName): Dialect => (database === 'postgres' ? 'postgres' : 'mysql')

/** What a generator sees of a project. */
export function migrationProject(
  files: ProjectFiles,
  {
    root,
    dialect,
    schema,
    out,
    extension,
    now,
  }: {
    readonly root: string
    readonly dialect: Dialect
    /** Absolute, like `out`. */
    readonly schema: string | undefined
    readonly out: string | undefined
    readonly extension: string | undefined
    readonly now: Date
  },
): MigrationProject {
  const inside = (path: string | undefined) =>
    path === undefined ? undefined : relative(root, path).split(sep).join('/') || '.'
  return {
    root,
    dialect,
    out: inside(out),
    schema: inside(schema),
    extension,
    now,
    read: (path) => files.read(join(root, path)),
    list: (path) =>
      files
        .list(join(root, path))
        .map((name) => (files.kind(join(root, path, name)) === 'folder' ? `${name}/` : name)),
  }
}

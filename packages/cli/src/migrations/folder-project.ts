import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Dialect } from '@outboxkit/core'
import type { MigrationProject } from './generator.js'

export interface FolderProjectOptions {
  readonly root: string
  readonly dialect: Dialect
  readonly out?: string | undefined
  readonly schema?: string | undefined
  readonly extension?: string | undefined
  readonly commandFlags?: readonly string[] | undefined
  /** Default: the clock. */
  readonly now?: Date | undefined
}

/** A project on the disk, only to be read. */
export function folderProject(options: FolderProjectOptions): MigrationProject {
  const { root, dialect, out, schema, extension, commandFlags, now = new Date() } = options
  return {
    root,
    dialect,
    out,
    schema,
    extension,
    commandFlags,
    now,
    read: (path) => unlessMissing(() => readFileSync(join(root, path), 'utf8'), undefined),
    list: (path) =>
      unlessMissing(
        () =>
          readdirSync(join(root, path), { withFileTypes: true })
            .map((entry) => (entry.isDirectory() ? `${entry.name}/` : entry.name))
            .sort(),
        [],
      ),
  }
}

/** A file that is there but may not be read is an error, not an absence: a second migration would be written. */
function unlessMissing<T>(read: () => T, missing: T): T {
  try {
    return read()
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'ENOTDIR' || code === 'EISDIR') return missing
    throw error
  }
}

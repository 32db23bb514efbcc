import { readdirSync, readFileSync, statSync } from 'node:fs'

/** What may be read of a project. Paths are absolute. Nothing throws: what cannot be read is not there. */
export interface ProjectFiles {
  read(path: string): string | undefined
  kind(path: string): 'file' | 'folder' | undefined
  /** Names in a folder, sorted. */
  list(path: string): readonly string[]
}

export const diskFiles: ProjectFiles = {
  read: (path) => orElse(undefined, () => readFileSync(path, 'utf8')),
  kind: (path) =>
    orElse(undefined, () => {
      const stat = statSync(path)
      if (stat.isFile()) return 'file'
      return stat.isDirectory() ? 'folder' : undefined
    }),
  list: (path) => orElse([], () => readdirSync(path).sort()),
}

function orElse<T>(fallback: T, read: () => T): T {
  try {
    return read()
  } catch {
    return fallback
  }
}

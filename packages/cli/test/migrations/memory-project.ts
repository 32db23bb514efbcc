import type { Dialect } from '@outboxkit/core'
import type { MigrationProject, Plan } from '../../src/index.js'

/** A project in memory, to which plans are written as they would be on the disk. */
export class MemoryProject implements MigrationProject {
  readonly root = '/project'
  readonly dialect: Dialect
  readonly out: string | undefined
  readonly schema = undefined
  readonly extension: string | undefined
  now = new Date('2026-03-04T05:06:07Z')
  readonly files = new Map<string, string>()

  constructor(dialect: Dialect, { out, extension }: { out?: string; extension?: string } = {}) {
    this.dialect = dialect
    this.out = out
    this.extension = extension
  }

  read(path: string): string | undefined {
    return this.files.get(path)
  }

  list(path: string): readonly string[] {
    const below = [...this.files.keys()].filter((file) => file.startsWith(`${path}/`))
    const names = below.map((file) => file.slice(path.length + 1).replace(/\/.*/, '/'))
    return [...new Set(names)].sort()
  }

  write({ files }: Plan): void {
    for (const { path, content, mode } of files) {
      if ((mode === 'create') === this.files.has(path)) throw new Error(`${mode} ${path}`)
      this.files.set(path, mode === 'append' ? (this.files.get(path) ?? '') + content : content)
    }
  }
}

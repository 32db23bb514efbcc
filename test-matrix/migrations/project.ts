import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import type { Dialect, OutboxSchema, SchemaOptions } from '@outboxkit/core'
import { openDatabase } from '../../packages/cli/src/database/open.js'
import { compareSchema, type Drift } from '../../packages/cli/src/migrations/compare-schema.js'
import { folderProject } from '../../packages/cli/src/migrations/folder-project.js'
import { generateMigration, type Generated } from '../../packages/cli/src/migrations/generate.js'
import type { MigrationGenerator } from '../../packages/cli/src/migrations/generator.js'
import { readSchema } from '../../packages/cli/src/migrations/read-schema.js'
import { writePlan } from '../../packages/cli/src/migrations/write-plan.js'

/** A user's project in a folder of its own, outside the repository. */
export interface Project extends Disposable {
  readonly folder: string
  write(path: string, text: string): void
  read(path: string): string
  /** Names within a folder, sorted. */
  list(path: string): string[]
}

export function makeProject(files: Readonly<Record<string, string>>): Project {
  const folder = mkdtempSync(join(tmpdir(), 'outboxkit-migrations-'))
  const write = (path: string, text: string): void => {
    mkdirSync(dirname(join(folder, path)), { recursive: true })
    writeFileSync(join(folder, path), text)
  }
  for (const [path, text] of Object.entries(files)) write(path, text)
  return {
    folder,
    write,
    read: (path) => readFileSync(join(folder, path), 'utf8'),
    list: (path) => (existsSync(join(folder, path)) ? readdirSync(join(folder, path)).sort() : []),
    [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }),
  }
}

/** Makes a package of another folder the project's own. */
export function linkPackage(project: Project, name: string, target: string): void {
  const link = join(project.folder, 'node_modules', name)
  mkdirSync(dirname(link), { recursive: true })
  symlinkSync(target, link)
}

/** What `outboxkit generate` does without a database: finds, plans, writes. */
export function generate(
  generator: MigrationGenerator,
  { folder }: Project,
  dialect: Dialect,
  options: SchemaOptions = {},
): Generated {
  const project = folderProject({ root: folder, dialect })
  const generated = generateMigration({ project, generator, options })
  writePlan(project, generated.files)
  return generated
}

/** What in the database differs from the tables that our own SQL makes; empty: nothing. */
export async function drift(dialect: Dialect, url: string, wanted: OutboxSchema): Promise<readonly Drift[]> {
  const database = await openDatabase({ dialect, url })
  try {
    return compareSchema(dialect, await readSchema(database, wanted.table), wanted)
  } finally {
    await database.close()
  }
}

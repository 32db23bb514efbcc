import {
  appendFileSync,
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
import { resolveSchema, upgradeSql, type Dialect, type OutboxSchema, type SchemaOptions } from '@outboxkit/core'
import type { MigrationGenerator, MigrationProject, Plan } from '../../packages/cli/src/migrations/generator.js'

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

export interface Generated {
  /** The files that were written. */
  readonly paths: readonly string[]
  readonly plan: Plan
}

/** What `outboxkit generate` does, without a database: finds, plans, writes. */
export function generate(
  generator: MigrationGenerator,
  project: Project,
  dialect: Dialect,
  options: SchemaOptions = {},
): Generated {
  const view = viewOf(project, dialect)
  const wanted = resolveSchema(dialect, options)
  const from = generator.found(view, wanted)
  const change = upgradeSql(dialect, from, wanted)
  const plan =
    from === undefined || change.up.length > 0
      ? generator.plan(view, { from, to: wanted, change })
      : (generator.remaining?.(view, wanted) ?? { files: [], next: [] })
  for (const { path, content, mode } of plan.files) {
    if (mode === 'append') appendFileSync(join(project.folder, path), content)
    else project.write(path, content)
  }
  return { paths: plan.files.map(({ path }) => path), plan }
}

function viewOf(project: Project, dialect: Dialect): MigrationProject {
  const absolute = (path: string): string => join(project.folder, path)
  return {
    root: project.folder,
    dialect,
    out: undefined,
    schema: undefined,
    now: new Date(),
    read: (path) => (existsSync(absolute(path)) ? readFileSync(absolute(path), 'utf8') : undefined),
    list: (path) =>
      existsSync(absolute(path))
        ? readdirSync(absolute(path), { withFileTypes: true })
            .map((entry) => (entry.isDirectory() ? `${entry.name}/` : entry.name))
            .sort()
        : [],
  }
}

export type { OutboxSchema }

import { randomUUID } from 'node:crypto'
import { posix } from 'node:path'
import { OutboxError, schemaTables, tableName, type OutboxSchema } from '@outboxkit/core'
import type { MigrationProject, PlannedFile } from '../generator.js'

/** drizzle-kit's folder of migrations: with a journal (to 0.31), or a folder for each migration (from 1.0). */
export interface DrizzleFolder {
  /** All of SQL, in order. */
  readonly texts: readonly string[]
  /** The last snapshot: drizzle-kit's own picture of the tables after the last migration. */
  readonly snapshot: string | undefined
  /** False: the snapshot is one that only drizzle-kit can continue, as its 1.0 writes them for PostgreSQL. */
  readonly canContinue: boolean
  /** The files of one more migration, as `drizzle-kit generate --custom` makes them. */
  custom(name: string, sql: string): PlannedFile[]
}

export function readFolder(project: MigrationProject, out: string): DrizzleFolder {
  const text = (...parts: string[]): string => project.read(posix.join(out, ...parts)) ?? ''
  const names = project.list(out)
  const folders = names
    .filter(
      (name) => name.endsWith('/') && project.read(posix.join(out, name, 'snapshot.json')) !== undefined,
    )
    .map((name) => name.slice(0, -1))
  if (folders.length > 0) {
    const snapshot = text(folders.at(-1) ?? '', 'snapshot.json')
    return {
      texts: folders.map((name) => text(name, 'migration.sql')),
      snapshot,
      canContinue: /"ddl"\s*:/.test(snapshot),
      custom: (name, sql) => folderMigration(project, { out, last: folders.at(-1) ?? '' }, name, sql),
    }
  }
  const snapshots = project.list(posix.join(out, 'meta')).filter((name) => /^\d+_snapshot\.json$/.test(name))
  const last = snapshots.at(-1)
  return {
    texts: names.filter((name) => name.endsWith('.sql')).map((name) => text(name)),
    snapshot: last === undefined ? undefined : text('meta', last),
    canContinue: true,
    custom: (name, sql) => journalMigration(project, { out, last: last ?? '' }, name, sql),
  }
}

/** Whether drizzle-kit has written migrations with all the tables and columns of a schema. */
export function hasTables({ snapshot }: DrizzleFolder, schema: OutboxSchema): boolean {
  if (snapshot === undefined) return false
  const known = new Set(columnsOf(JSON.parse(snapshot) as Snapshot))
  return schemaTables(schema).every(({ kind, columns }) =>
    columns.every((column) => known.has(`${tableName(schema.table, kind)}.${column.name}`)),
  )
}

interface Snapshot {
  /** To 0.31. */
  readonly tables?: Readonly<Record<string, { readonly name: string; readonly columns: object }>>
  /** From 1.0. */
  readonly ddl?: readonly { readonly entityType: string; readonly table?: string; readonly name?: string }[]
}

/** `table.column` of all tables. */
function columnsOf({ tables = {}, ddl = [] }: Snapshot): string[] {
  return [
    ...Object.values(tables).flatMap(({ name, columns }) =>
      Object.keys(columns).map((column) => `${name}.${column}`),
    ),
    ...ddl
      .filter(({ entityType }) => entityType === 'columns')
      .map(({ table = '', name = '' }) => `${table}.${name}`),
  ]
}

interface Place {
  readonly out: string
  /** File or folder of the last snapshot. */
  readonly last: string
}

interface Journal {
  readonly entries: readonly { readonly idx: number; readonly version: string; readonly when: number }[]
}

function journalMigration(
  project: MigrationProject,
  { out, last }: Place,
  name: string,
  sql: string,
): PlannedFile[] {
  const path = posix.join(out, 'meta/_journal.json')
  const journal = parsed<Journal>(project, path)
  const entry = journal.entries.at(-1)
  if (entry === undefined) throw unreadable(path)
  const idx = entry.idx + 1
  const number = String(idx).padStart(4, '0')
  const tag = `${number}_${name}`
  // drizzle-orm runs what is younger than the last one that it ran.
  const when = Math.max(project.now.getTime(), entry.when + 1)
  const added = { idx, version: entry.version, when, tag, breakpoints: true }
  return [
    { path: posix.join(out, `${tag}.sql`), mode: 'create', content: sql },
    {
      path: posix.join(out, 'meta', `${number}_snapshot.json`),
      mode: 'create',
      content: nextSnapshot(project, posix.join(out, 'meta', last)),
    },
    {
      path,
      mode: 'edit',
      content: JSON.stringify({ ...journal, entries: [...journal.entries, added] }, null, 2),
    },
  ]
}

function folderMigration(
  project: MigrationProject,
  { out, last }: Place,
  name: string,
  sql: string,
): PlannedFile[] {
  const moment = project.now.toISOString().replaceAll(/\D/g, '').slice(0, 14)
  const before = /^\d{14}/.exec(last)?.[0] ?? ''
  const folder = posix.join(out, `${before < moment ? moment : String(BigInt(before) + 1n)}_${name}`)
  return [
    { path: posix.join(folder, 'migration.sql'), mode: 'create', content: sql },
    {
      path: posix.join(folder, 'snapshot.json'),
      mode: 'create',
      content: nextSnapshot(project, posix.join(out, last, 'snapshot.json')),
    },
  ]
}

/** The same tables, with an id of its own: that is how drizzle-kit knows the order of migrations. */
function nextSnapshot(project: MigrationProject, path: string): string {
  const snapshot = parsed<{ id: string; prevIds?: unknown }>(project, path)
  const previous = snapshot.prevIds === undefined ? { prevId: snapshot.id } : { prevIds: [snapshot.id] }
  return JSON.stringify({ ...snapshot, id: randomUUID(), ...previous }, null, 2)
}

function parsed<T>(project: MigrationProject, path: string): T {
  try {
    return JSON.parse(project.read(path) ?? '') as T
  } catch {
    throw unreadable(path)
  }
}

const unreadable = (path: string): OutboxError =>
  new OutboxError(
    'OUTBOX_MIGRATION_FAILED',
    `${path} is not as drizzle-kit writes it. Let drizzle-kit check it: npx drizzle-kit check`,
  )

import { posix } from 'node:path'
import { OutboxError, quoteIdentifier } from '@outboxkit/core'
import type {
  FoundSchema,
  MigrationGenerator,
  MigrationProject,
  MigrationStep,
  Plan,
  PlannedFile,
} from '../generator.js'
import { foundInTexts, markOf } from '../mark.js'
import { prismaModels, type PrismaModel } from './models.js'
import { findPrisma, modelSchema, type PrismaPlace } from './place.js'
import { appended, changeModel, modelBlocks, renderModel, type ModelBlock } from './schema-text.js'

/**
 * Prisma: models, so that Prisma knows the tables and does not drop them, and a migration in SQL, because Prisma's own
 * would make other tables of the models (no identity that is always generated, no collations, no partitions).
 */
export const prismaGenerator: MigrationGenerator = {
  tool: 'prisma',

  found(project, wanted): FoundSchema {
    const { migrations } = findPrisma(project)
    const texts = migrationNames(project, migrations).map((name) => sqlOf(project, migrations, name))
    return foundInTexts(project.dialect, texts, wanted)
  },

  plan(project, step): Plan {
    const place = findPrisma(project)
    const migration = migrationOf(project, place, step)
    const hasMigrations = migrationNames(project, place.migrations).length > 0
    return {
      files: [...modelFiles(project, place, step), migration],
      next: [
        'npx prisma migrate dev (applies the migration; in production: npx prisma migrate deploy)',
        'npx prisma generate',
        ...(hasMigrations
          ? []
          : [
              `With prisma db push instead of migrations, first: npx prisma db execute --file ${migration.path}`,
            ]),
      ],
    }
  },
}

const migrationNames = (project: MigrationProject, folder: string): string[] =>
  project
    .list(folder)
    .filter((name) => name.endsWith('/'))
    .map((name) => name.slice(0, -1))

const sqlOf = (project: MigrationProject, folder: string, name: string): string =>
  project.read(posix.join(folder, name, 'migration.sql')) ?? ''

function migrationOf(project: MigrationProject, place: PrismaPlace, step: MigrationStep): PlannedFile {
  const { to, change } = step
  const names = migrationNames(project, place.migrations)
  const texts = names.map((name) => sqlOf(project, place.migrations, name))
  const statements = [...createSchema(to.table.schema, texts), ...change.up]
  const name = `${timestampAfter(names, project.now)}_${step.from === undefined ? to.table.name : `${to.table.name}_upgrade`}`
  return {
    path: posix.join(place.migrations, name.replaceAll(/[^\w-]/g, '_'), 'migration.sql'),
    mode: 'create',
    content: [
      '-- The tables of Outboxkit, with what the models in the Prisma schema cannot say. Do not edit once applied.',
      `-- ${markOf(to)}`,
      '',
      ...statements.flatMap((statement) => [`${statement};`, '']),
    ].join('\n'),
  }
}

/** The schema itself, unless an earlier migration makes it: in the shadow database there is only what migrations make. */
function createSchema(schema: string | undefined, texts: readonly string[]): string[] {
  if (schema === undefined || schema === 'public') return []
  const name = schema.replaceAll(/[^\w]/g, '.')
  const made = new RegExp(String.raw`create\s+schema\s+(if\s+not\s+exists\s+)?"?${name}"?`, 'i')
  return texts.some((text) => made.test(text))
    ? []
    : [`create schema if not exists ${quoteIdentifier('postgres', schema)}`]
}

/** Prisma applies migrations in the order of their names. */
function timestampAfter(names: readonly string[], now: Date): string {
  const last = Math.max(0, ...names.map((name) => momentOf(name) ?? 0))
  const moment = new Date(Math.max(now.getTime(), last + 1000))
  return moment.toISOString().replaceAll(/\D/g, '').slice(0, 14)
}

function momentOf(name: string): number | undefined {
  const [, year, month, day, hour, minute, second] = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)/.exec(name) ?? []
  if (year === undefined) return undefined
  return Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`)
}

/** New models at the end of the schema; those that are there get what is missing. */
function modelFiles(project: MigrationProject, place: PrismaPlace, step: MigrationStep): PlannedFile[] {
  const inSchema = modelSchema(place, project.dialect, step.to.table)
  const before = step.from === undefined ? [] : prismaModels(project.dialect, step.from, inSchema)
  const edited = new Map<string, string>()
  const added: PrismaModel[] = []
  for (const model of prismaModels(project.dialect, step.to, inSchema)) {
    const there = findModel(place, edited, model)
    if (there === undefined) {
      refuseTaken(place, model)
      added.push(model)
      continue
    }
    const from = before.find(({ table }) => table === model.table) ?? model
    const text = changeModel(there.text, there.block, from, model)
    if (text !== there.text) edited.set(there.path, text)
  }
  const edits = [...edited].map(([path, content]): PlannedFile => ({ path, content, mode: 'edit' }))
  return added.length === 0 ? edits : withAdded(place, edits, added, step.to.table.name)
}

interface Found {
  readonly path: string
  readonly text: string
  readonly block: ModelBlock
}

function findModel(
  place: PrismaPlace,
  edited: ReadonlyMap<string, string>,
  { table, schema }: PrismaModel,
): Found | undefined {
  for (const [path, original] of place.files) {
    const text = edited.get(path) ?? original
    const block = modelBlocks(text).find((entry) => entry.table === table && entry.schema === schema)
    if (block !== undefined) return { path, text, block }
  }
  return undefined
}

function refuseTaken(place: PrismaPlace, { name, table }: PrismaModel): void {
  for (const [path, text] of place.files)
    if (modelBlocks(text).some((block) => block.name === name))
      throw new OutboxError(
        'OUTBOX_OPTION_INVALID',
        `${path} has a model ${name} already, which is not the one of the table ${table}. Rename it (with @@map its table keeps its name), or give the outbox another name.`,
      )
}

const remark = `// The tables of Outboxkit. Prisma has to know them: its next migration would drop them otherwise.
// With @@ignore they are no part of the client; take it away to read them there.
`

function withAdded(
  place: PrismaPlace,
  edits: readonly PlannedFile[],
  added: readonly PrismaModel[],
  name: string,
): PlannedFile[] {
  const path = place.isFolder
    ? posix.join(posix.dirname(place.main), `${name.replaceAll(/[^\w-]/g, '_')}.prisma`)
    : place.main
  const edit = edits.find((file) => file.path === path)
  const text = edit?.content ?? place.files.get(path)
  const isFirst = text?.includes(remark.split('\n')[0] ?? '') !== true
  const addition = appended(text ?? '', (isFirst ? remark : '') + added.map(renderModel).join('\n'))
  if (edit !== undefined)
    return [...edits.filter((file) => file !== edit), { ...edit, content: edit.content + addition }]
  return [...edits, { path, content: addition, mode: text === undefined ? 'create' : 'append' }]
}

import { posix } from 'node:path'
import { OutboxError, type OutboxSchema } from '@outboxkit/core'
import type {
  FoundSchema,
  MigrationGenerator,
  MigrationProject,
  MigrationStep,
  Plan,
  PlannedFile,
} from '../generator.js'
import { foundInTexts, markOf } from '../mark.js'
import { stepName, timestampAfter, upStatements } from '../statements.js'
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
      files: [...modelFiles(project, place, step.from, step.to), migration],
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

  /** Models that are not there, while the tables are: made without Prisma, or taken out of the schema. */
  remaining(project, wanted): Plan {
    const files = modelFiles(project, findPrisma(project), wanted, wanted)
    return { files, next: files.length === 0 ? [] : ['npx prisma generate'] }
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
  const names = migrationNames(project, place.migrations)
  const name = `${timestampAfter(names, project.now)}_${stepName(step)}`
  return {
    path: posix.join(place.migrations, name, 'migration.sql'),
    mode: 'create',
    content: [
      '-- Written by outboxkit generate, with what models cannot say. Do not edit once it has been applied.',
      `-- ${markOf(step.to)}`,
      '',
      ...upStatements(project.dialect, step).flatMap((statement) => [`${statement};`, '']),
    ].join('\n'),
  }
}

/** New models at the end of the schema; those that are there get what is missing. */
function modelFiles(
  project: MigrationProject,
  place: PrismaPlace,
  from: FoundSchema,
  to: OutboxSchema,
): PlannedFile[] {
  const inSchema = modelSchema(place, project.dialect, to.table)
  const before = from === undefined ? [] : prismaModels(project.dialect, from, inSchema)
  const edited = new Map<string, string>()
  const added: PrismaModel[] = []
  for (const model of prismaModels(project.dialect, to, inSchema)) {
    const there = findModel(place, edited, model)
    if (there === undefined) {
      refuseTaken(place, model)
      added.push(model)
      continue
    }
    const known = before.find(({ table }) => table === model.table) ?? model
    const text = changeModel(there.text, there.block, known, model)
    if (text !== there.text) edited.set(there.path, text)
  }
  const edits = [...edited].map(([path, content]): PlannedFile => ({ path, content, mode: 'edit' }))
  return added.length === 0 ? edits : withAdded(place, edits, added, to.table.name)
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

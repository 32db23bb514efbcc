import { posix } from 'node:path'
import { OutboxError, type OutboxSchema } from '@outboxkit/core'
import type { FoundSchema, MigrationGenerator, MigrationProject, Plan, PlannedFile } from '../generator.js'
import { foundInTexts, markOf } from '../mark.js'
import { changedDefinitions, definitionsCode, exportedNames } from './definitions.js'
import { extraSql } from './extra-sql.js'
import { hasTables, readFolder } from './folder.js'

/**
 * Drizzle: definitions in the project's Drizzle schema, so that drizzle-kit writes the migration itself; and once it has,
 * one more migration with what drizzle-kit cannot say.
 */
export const drizzleGenerator: MigrationGenerator = {
  tool: 'drizzle',

  found(project, wanted): FoundSchema {
    return foundInTexts(project.dialect, [project.read(definitionsFile(project)) ?? ''], wanted)
  },

  plan(project, { from, to }): Plan {
    return { files: [definitions(project, from, to)], next: commands(project, to) }
  },

  remaining(project, wanted): Plan {
    // Tables that were made without Drizzle.
    if (this.found(project, wanted) === undefined)
      return { files: [definitions(project, undefined, wanted)], next: commands(project, wanted) }
    const folder = readFolder(project, outFolder(project))
    const statements = extraSql(project.dialect, foundInTexts(project.dialect, folder.texts, wanted), wanted)
    if (statements.length === 0) return { files: [], next: [] }
    const sql = [
      '-- Written by outboxkit generate, with what drizzle-kit cannot say. Do not edit once it has been applied.',
      `-- ${markOf(wanted)}`,
      statements.map((statement) => `${statement};`).join('\n--> statement-breakpoint\n'),
      '',
    ].join('\n')
    const name = `${wanted.table.name.replaceAll(/\W+/g, '_').toLowerCase()}_sql`
    if (!folder.canContinue) return { files: [], next: byHand(name, sql) }
    if (!hasTables(folder, wanted)) return { files: [], next: commands(project, wanted) }
    return { files: folder.custom(name, sql), next: ['npx drizzle-kit migrate'] }
  },
}

const byHand = (name: string, sql: string): string[] => [
  'npx drizzle-kit generate',
  `npx drizzle-kit generate --custom --name ${name}, and these lines in its migration.sql:\n\n${sql}`,
  'npx drizzle-kit migrate',
]

const outFolder = ({ out }: MigrationProject): string => posix.normalize(out ?? 'drizzle')

const usual = ['src/db/schema.ts', 'src/schema.ts', 'db/schema.ts', 'schema.ts']

function definitionsFile(project: MigrationProject): string {
  const path = project.schema ?? usual.find((file) => project.read(file) !== undefined)
  if (path === undefined)
    throw new OutboxError(
      'OUTBOX_OPTION_INVALID',
      `No file with a Drizzle schema was found (looked for ${usual.join(', ')}). Name the file for the definitions, which drizzle-kit must read as well, as migrations.schema in outbox.config.`,
    )
  return posix.normalize(path)
}

function definitions(project: MigrationProject, from: FoundSchema, to: OutboxSchema): PlannedFile {
  const path = definitionsFile(project)
  const text = project.read(path)
  if (text === undefined)
    return { path, mode: 'create', content: definitionsCode(project.dialect, to, codeAround(project, path)) }
  if (from !== undefined && foundInTexts(project.dialect, [text], to) !== undefined) {
    const content = changedDefinitions(project.dialect, text, to)
    if (content !== undefined) return { path, mode: 'edit', content }
    throw new OutboxError(
      'OUTBOX_MIGRATION_FAILED',
      `The definitions of the outbox in ${path} are no longer as outboxkit generate wrote them, so they were not changed. Bring them to this yourself:\n\n${definitionsCode(project.dialect, to, text)}`,
    )
  }
  refuseTaken(path, text, to)
  const gap = text === '' ? '' : text.endsWith('\n') ? '\n' : '\n\n'
  const addition = gap + definitionsCode(project.dialect, to, text)
  return {
    path,
    mode: 'append',
    content: text.includes('\r\n') ? addition.replaceAll('\n', '\r\n') : addition,
  }
}

/** The code beside a new file: its style, and the schemas that it exports. */
const codeAround = (project: MigrationProject, path: string): string =>
  project
    .list(posix.dirname(path))
    .filter((name) => /\.[cm]?[jt]s$/.test(name))
    .map((name) => project.read(posix.join(posix.dirname(path), name)) ?? '')
    .join('\n')

function refuseTaken(path: string, text: string, schema: OutboxSchema): void {
  const taken = exportedNames(schema).find((name) =>
    new RegExp(String.raw`\b(?:const|let|var|function|class)\s+${name}\b`).test(text),
  )
  if (taken === undefined) return
  throw new OutboxError(
    'OUTBOX_OPTION_INVALID',
    `${path} has something called ${taken} already. Rename it, give the outbox another name, or name another file that drizzle-kit reads as migrations.schema in outbox.config.`,
  )
}

function commands(project: MigrationProject, schema: OutboxSchema): string[] {
  const { texts } = readFolder(project, outFolder(project))
  const isMore = extraSql(project.dialect, foundInTexts(project.dialect, texts, schema), schema).length > 0
  return [
    'npx drizzle-kit generate',
    ...(isMore ? ['npx outboxkit generate (one more migration: what drizzle-kit cannot say)'] : []),
    'npx drizzle-kit migrate',
    ...(schema.partitioned.length > 0
      ? ['Never drizzle-kit push here: it knows no partitions and would drop the default one, with its rows.']
      : []),
    ...(project.dialect === 'mysql'
      ? [
          'On MariaDB never drizzle-kit push: it takes its own columns for changed ones and empties the tables.',
        ]
      : []),
  ]
}

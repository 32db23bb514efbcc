import { posix } from 'node:path'
import { qualifiedName, schemaTable, type TableKind } from '@outboxkit/core'
import type { MigrationGenerator, MigrationProject, MigrationStep, Plan } from '../generator.js'
import { foundInTexts, markOf } from '../mark.js'
import { stepName, timestampAfter, upStatements } from '../statements.js'
import { knexStyle, type KnexStyle } from './style.js'

/** A migration for Knex's own tool, in the module style of the project. */
export const knexGenerator: MigrationGenerator = {
  tool: 'knex',

  found(project, wanted) {
    const texts = migrationFiles(project).map(
      (file) => project.read(posix.join(folderOf(project), file)) ?? '',
    )
    return foundInTexts(project.dialect, texts, wanted)
  },

  plan(project, step): Plan {
    const folder = folderOf(project)
    const files = migrationFiles(project)
    const style = knexStyle(project, folder, files)
    const name = `${timestampAfter(files, project.now)}_${stepName(step)}.${style.extension}`
    return {
      files: [
        { path: posix.join(folder, name), mode: 'create', content: migrationText(project, step, style) },
      ],
      next: ['npx knex migrate:latest'],
    }
  },
}

const folderOf = (project: MigrationProject): string => project.out ?? 'migrations'

/** In the order in which Knex runs them. */
const migrationFiles = (project: MigrationProject): string[] =>
  project.list(folderOf(project)).filter((file) => /\.[cm]?[jt]s$/.test(file) && !/\.d\.[cm]?ts$/.test(file))

function migrationText(project: MigrationProject, step: MigrationStep, { language }: KnexStyle): string {
  const type = language === 'typescript' ? ': Knex' : ''
  const result = language === 'typescript' ? ': Promise<void>' : ''
  const head = (name: 'up' | 'down'): string =>
    language === 'commonjs'
      ? `exports.${name} = async function ${name}(knex) {`
      : `export async function ${name}(knex${type})${result} {`
  const up = upStatements(project.dialect, step)
  return [
    ...(language === 'typescript' ? ["import type { Knex } from 'knex'", ''] : []),
    '// Written by outboxkit generate. Do not edit once it has been applied.',
    `// ${markOf(step.to)}`,
    '',
    ...(project.dialect === 'mysql' ? [...resumingHelper(language), ''] : []),
    head('up'),
    ...up.flatMap((statement) => call(project, step, statement)),
    '}',
    '',
    head('down'),
    ...step.change.down.flatMap((statement) => call(project, step, statement)),
    '}',
    '',
  ].join('\n')
}

/** MySQL commits each statement by itself: a migration that was interrupted is to be run again, from its first statement. */
function resumingHelper(language: KnexStyle['language']): string[] {
  const typed = language === 'typescript'
  return [
    '// MySQL and MariaDB commit each of these statements by itself. After an interruption the migration is run again;',
    '// what it has done already is recognised by `probe`, which fails unless our own table or column is there.',
    typed
      ? 'async function once(knex: Knex, statement: string, probe: string, isThere: boolean): Promise<void> {'
      : 'async function once(knex, statement, probe, isThere) {',
    '  try {',
    '    await knex.raw(statement)',
    '  } catch (error) {',
    '    const found = await knex.raw(probe).then(() => true, () => false)',
    '    if (found !== isThere) throw error',
    '  }',
    '}',
  ]
}

function call(project: MigrationProject, step: MigrationStep, statement: string): string[] {
  const probe = project.dialect === 'mysql' ? probeOf(step, statement) : undefined
  if (probe === undefined) return [`  await knex.raw(${literal(escaped(project, statement), '  ')})`]
  return [
    '  await once(',
    '    knex,',
    `    ${literal(statement, '    ')},`,
    `    ${literal(probe.sql, '    ')},`,
    `    ${probe.isThere},`,
    '  )',
  ]
}

/** Knex takes a question mark for a value, on PostgreSQL also where there are no values. */
const escaped = (project: MigrationProject, statement: string): string =>
  project.dialect === 'postgres' ? statement.replaceAll('?', '\\?') : statement

/** What tells whether a statement has been run before; `undefined`: it may be run twice. */
function probeOf(
  { to }: MigrationStep,
  statement: string,
): { readonly sql: string; readonly isThere: boolean } | undefined {
  const kinds: readonly TableKind[] = ['outbox', 'lease', 'held', 'archive', 'inbox']
  const kind = kinds.find((candidate) =>
    statement.includes(` ${qualifiedName(to.table, 'mysql', candidate)} `),
  )
  if (kind === undefined) return undefined
  const target = qualifiedName(to.table, 'mysql', kind)
  const select = (columns: readonly string[]): string =>
    `select ${columns.map((column) => `\`${column}\``).join(', ')} from ${target} limit 0`
  const [, verb, column = ''] = /^alter table .* (add|drop) column `(\w+)`/.exec(statement) ?? []
  if (verb !== undefined) return { sql: select([column]), isThere: verb === 'add' }
  if (!statement.startsWith('create table ')) return undefined
  return { sql: select(schemaTable(to, kind).columns.map(({ name }) => name)), isThere: true }
}

/** A text of JavaScript that reads like the SQL in it. */
function literal(text: string, indent: string): string {
  if (!text.includes('\n') && !text.includes('`')) return single(text)
  if (!/[`\\]|\$\{/.test(text)) return `\`\n${indented(text, `${indent}  `)}\n${indent}\``
  const lines = text.split('\n').map((line) => `${indent}  ${single(line)},`)
  return lines.length === 1 ? single(text) : `[\n${lines.join('\n')}\n${indent}].join('\\n')`
}

const indented = (text: string, indent: string): string =>
  text
    .split('\n')
    .map((line) => `${indent}${line}`)
    .join('\n')

/** With the quotes that need the fewest escapes. */
function single(text: string): string {
  const json = JSON.stringify(text).replaceAll(
    /[\u2028\u2029]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16)}`,
  )
  if (text.includes("'")) return json
  return `'${json.slice(1, -1).replaceAll('\\"', '"')}'`
}

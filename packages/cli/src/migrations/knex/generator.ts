import { posix } from 'node:path'
import { qualifiedName, schemaTables } from '@outboxkit/core'
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
      next: [['npx knex migrate:latest', ...(project.commandFlags ?? [])].join(' ')],
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
    '// MySQL and MariaDB commit each of these statements by itself, so after an interruption some have been run already:',
    '// the table (1050), column (1060) or key (1061) is there, or has been dropped (1091). `probe` fails unless the table',
    '// that is there is ours.',
    typed
      ? 'async function once(knex: Knex, statement: string, probe?: string): Promise<void> {'
      : 'async function once(knex, statement, probe) {',
    '  try {',
    '    await knex.raw(statement)',
    '  } catch (error) {',
    typed ? '    const { errno = 0 } = error as { errno?: number }' : '    const { errno } = error',
    '    if (![1050, 1060, 1061, 1091].includes(errno)) throw error',
    '    if (probe !== undefined) await knex.raw(probe)',
    '  }',
    '}',
  ]
}

function call(project: MigrationProject, step: MigrationStep, statement: string): string[] {
  if (project.dialect === 'postgres') return [`  await knex.raw(${literal(escaped(statement), '  ')})`]
  // An update, and `drop … if exists`, may be run twice.
  if (!/^(?:create|alter) /.test(statement)) return [`  await knex.raw(${literal(statement, '  ')})`]
  const probe = probeOf(step, statement)
  return [
    '  await once(',
    '    knex,',
    `    ${literal(statement, '    ')},`,
    ...(probe === undefined ? [] : [`    ${literal(probe, '    ')},`]),
    '  )',
  ]
}

/** Knex takes a question mark for a value, on PostgreSQL also where there are no values. */
const escaped = (statement: string): string => statement.replaceAll('?', '\\?')

/** Fails unless the table has the columns that the statement would give it. */
function probeOf({ to }: MigrationStep, statement: string): string | undefined {
  if (!statement.startsWith('create table ')) return undefined
  const definition = schemaTables(to).find(({ kind }) =>
    statement.startsWith(`create table ${qualifiedName(to.table, 'mysql', kind)} (`),
  )
  const columns = definition?.columns.map(({ name }) => `\`${name}\``).join(', ')
  return definition && `select ${columns} from ${qualifiedName(to.table, 'mysql', definition.kind)} limit 0`
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

import { commands } from '../packages/cli/src/commands.js'
import { settings, type Setting } from '../packages/cli/src/config/settings.js'
import { exitCodes } from '../packages/cli/src/output/failure.js'

// <!-- table: name --> … <!-- end of table -->: what is between them is made of the program.
const marked = /<!-- table: (\S+) -->\n[\s\S]*?<!-- end of table -->/g

const tables: Readonly<Record<string, () => readonly (readonly string[])[]>> = {
  settings: () => settingRows(settings.filter(({ perOutbox }) => perOutbox)),
  'shared-settings': () => settingRows(settings.filter(({ perOutbox }) => !perOutbox)),
  'exit-codes': () => [
    ['exit code', 'meaning'],
    ...Object.entries(exitCodes).map(([code, meaning]) => [code, meaning]),
  ],
  commands: () => [
    ['command', ''],
    ...commands.map(({ name, summary }) => [`\`outboxkit ${name}\``, summary]),
  ],
}

/** The page with every marked table as the program has it today. Throws for a table that there is not. */
export function renderTables(markdown: string): string {
  return markdown.replace(marked, (_, name: string) => {
    const rows = tables[name]
    if (rows === undefined) throw new Error(`There is no table ${name}.`)
    return `<!-- table: ${name} -->\n\n${tableText(rows())}\n\n<!-- end of table -->`
  })
}

function settingRows(list: readonly Setting[]): string[][] {
  const rows = list
    .filter(({ fileOf }) => fileOf === undefined)
    .map((setting) => [
      `\`${setting.key}\``,
      setting.variable === undefined ? '' : `\`${setting.variable}\``,
      defaultText(setting),
      [setting.description, ...choicesText(setting)].join(' '),
    ])
  return [['setting', 'variable', 'default', ''], ...rows]
}

function defaultText({ default: fallback }: Setting): string {
  if (fallback === undefined) return ''
  const text = typeof fallback === 'string' ? fallback : JSON.stringify(fallback)
  return /[ `]/.test(text) ? text : `\`${text}\``
}

function choicesText({ choices, kind }: Setting): string[] {
  if (choices === undefined) return []
  const names = choices.map((name) => `\`${name}\``).join(', ')
  return [kind === 'list' ? `Of ${names}.` : `One of ${names}.`]
}

/** As the formatter writes tables. */
function tableText(rows: readonly (readonly string[])[]): string {
  const escaped = rows.map((row) => row.map((cell) => cell.replaceAll('|', '\\|')))
  const widths = (escaped[0] ?? []).map((_, column) =>
    Math.max(3, ...escaped.map((row) => (row[column] ?? '').length)),
  )
  const line = (cells: readonly string[]): string =>
    `| ${widths.map((width, column) => (cells[column] ?? '').padEnd(width)).join(' | ')} |`
  const [head = [], ...body] = escaped
  return [line(head), line(widths.map((width) => '-'.repeat(width))), ...body.map(line)].join('\n')
}

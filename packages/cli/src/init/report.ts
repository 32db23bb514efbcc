import { relative, sep } from 'node:path'
import type { Output } from '../output/output.js'
import { databaseTitles, ormTitles } from '../project/names.js'
import type { FileChange } from './apply.js'
import { unifiedDiff } from './diff.js'
import type { PreparedInit } from './init.js'

export interface ReportOptions {
  readonly cwd: string
  readonly isDryRun: boolean
}

/** Says what was written, or would be, and what comes next. */
export function reportInit(output: Output, prepared: PreparedInit, { cwd, isDryRun }: ReportOptions): void {
  const { choice, changes, keptConfig, steps } = prepared
  const shown = (path: string) => relative(cwd, path).split(sep).join('/') || '.'
  const of = (mode: FileChange['mode']) =>
    changes.filter((change) => change.mode === mode).map(({ path }) => shown(path))
  const diff = isDryRun ? unifiedDiff(changes, shown) : undefined
  output.data({
    orm: choice.tool,
    database: choice.database,
    folder: shown(choice.style.folder),
    dryRun: isDryRun,
    created: of('create'),
    appended: of('append'),
    kept: keptConfig === undefined ? [] : [shown(keptConfig)],
    notes: choice.notes,
    ...(diff === undefined ? {} : { diff }),
    next: steps,
  })
  const tool = choice.tool === 'sql' ? 'Plain SQL' : ormTitles[choice.tool]
  const place = shown(choice.style.folder)
  output.line(
    `${output.paint.bold(tool)} on ${databaseTitles[choice.database]}${place === '.' ? '' : `, in ${place}`}`,
  )
  for (const note of choice.notes) output.line(output.paint.yellow(note))
  output.line()
  if (keptConfig !== undefined) output.line(`  kept      ${shown(keptConfig)} (it was there)`)
  if (prepared.hasMigration) output.line('  kept      the migrations, which have the tables')
  if (keptConfig !== undefined && !prepared.hasMigration && changes.length === 0)
    output.line('  The configuration has several outboxes: outboxkit generate writes their migrations.')
  if (changes.length === 0) {
    output.line('\nNothing to write.')
    return reportSteps(output, prepared)
  }
  if (diff !== undefined) return reportDiff(output, diff)
  for (const { mode, path } of changes)
    output.line(
      `  ${output.paint.green((mode === 'create' ? 'created' : 'appended').padEnd(9))} ${shown(path)}`,
    )
  reportSteps(output, prepared)
}

function reportDiff(output: Output, diff: string): void {
  const { paint } = output
  const colour = (text: string) => {
    if (/^(---|\+\+\+) /.test(text)) return paint.bold(text)
    return text.startsWith('+') ? paint.green(text) : text.startsWith('-') ? paint.red(text) : text
  }
  for (const text of diff.trimEnd().split('\n')) output.line(colour(text))
  output.line()
  output.line('Nothing was written (--dry-run).')
}

function reportSteps(output: Output, { steps }: PreparedInit): void {
  output.line()
  for (const [index, { title, lines }] of steps.entries()) {
    output.line(`${index + 1}. ${title}`)
    for (const text of lines) output.line(output.paint.cyan(`     ${text}`))
  }
}

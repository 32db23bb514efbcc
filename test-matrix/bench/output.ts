import Table from 'cli-table3'
import type { Measurement } from './measurement.js'
import type { Spread } from './statistics.js'

/** One object per line. */
export function toJsonLines(measurements: readonly Measurement[]): string {
  return measurements.map((measurement) => `${JSON.stringify(measurement)}\n`).join('')
}

const columns = ['bench', 'with', 'measured', 'against', 'ratio', 'aim', 'reached'] as const

export function toTable(measurements: readonly Measurement[]): string {
  const table = new Table({ head: [...columns], style: { head: [], border: [], compact: true } })
  for (const measurement of measurements) table.push(cells(measurement, '\n'))
  return `${table.toString()}\n${notesOf(measurements)
    .map((note) => `  ${note}\n`)
    .join('')}`
}

export function toMarkdown(measurements: readonly Measurement[], machine: string): string {
  const row = (texts: readonly string[]): string =>
    `| ${texts.map((text) => text.replaceAll('|', '\\|')).join(' | ')} |\n`
  const notes = notesOf(measurements).map((note) => `- ${note}\n`)
  return [
    `${machine}\n\n`,
    row(columns),
    row(columns.map(() => '---')),
    ...measurements.map((measurement) => row(cells(measurement, ' '))),
    ...(notes.length > 0 ? ['\n', ...notes] : []),
  ].join('')
}

function notesOf(measurements: readonly Measurement[]): string[] {
  return measurements.flatMap((measurement) =>
    measurement.note === null
      ? []
      : [`${measurement.bench} (${partsOf(measurement).join(', ')}): ${measurement.note}`],
  )
}

function partsOf({ orm, database, driver }: Measurement): string[] {
  return [orm, database, driver].filter((part) => part !== null)
}

function cells(measurement: Measurement, gap: string): string[] {
  const { bench, unit, spread, ceiling, aim, reached } = measurement
  const against = spread?.against == null ? '' : `${show(spread.against, gap)} ${unit}`
  return [
    bench,
    partsOf(measurement).join(', '),
    spread === null ? 'no figure' : `${show(spread.value, gap)} ${unit}`,
    ceiling === null ? against : `${against}${gap}(${ceiling})`,
    spread?.ratio == null ? '' : show(spread.ratio, gap),
    aim ?? '',
    reached === null ? '' : reached ? 'yes' : 'no',
  ]
}

/** The median, and the extremes when there are any. */
function show({ min, median, max }: Spread, gap: string): string {
  return min === max ? digits(median) : `${digits(median)}${gap}(${digits(min)} … ${digits(max)})`
}

function digits(value: number): string {
  const size = Math.abs(value)
  if (size >= 1000) return Math.round(value).toLocaleString('en-US')
  if (size >= 100) return value.toFixed(0)
  return value.toFixed(size >= 10 ? 1 : size >= 0.1 || size === 0 ? 2 : 3)
}

const start = '<!-- bench:start -->'
const end = '<!-- bench:end -->'

/** The page with `tables` between its two marks. Throws when the marks are not there. */
export function writeRegion(page: string, tables: string): string {
  const from = page.indexOf(start)
  const to = page.indexOf(end)
  if (from < 0 || to < from) throw new Error(`the page has no region ${start} … ${end}`)
  return `${page.slice(0, from + start.length)}\n\n${tables}\n${page.slice(to)}`
}

import type { Output } from '../output/output.js'
import { summary, type Finding, type Severity } from './finding.js'

/** What was found for one outbox. */
export interface DoctorReport {
  readonly outbox: string
  readonly findings: readonly Finding[]
}

/** For people: a table of all checks with `all`, and what to do about those that are not well. */
export function printReport(output: Output, { outbox, findings }: DoctorReport, all: boolean): void {
  const { paint } = output
  const colours: Readonly<Record<Severity, (text: string) => string>> = {
    fatal: paint.red,
    warning: paint.yellow,
    info: paint.cyan,
    ok: paint.green,
  }
  output.line(paint.bold(`Outbox ${outbox}`))
  output.line()
  const shown = all ? findings : findings.filter(({ severity }) => severity !== 'ok')
  if (shown.length > 0) {
    const rows = shown.map(({ severity, check, title }) => [colours[severity](severity), check, title])
    output.table(['', 'check', 'about'], rows)
    output.line()
  }
  for (const finding of findings.filter(({ severity }) => severity !== 'ok')) {
    output.line(`${colours[finding.severity](finding.severity)}  ${paint.bold(finding.check)}`)
    output.line(`  ${finding.found}`)
    output.line(`  ${paint.bold('→')} ${finding.todo}`)
    output.line(`  ${paint.dim(finding.anchor)}`)
    output.line()
  }
  const { ok, info, warning, fatal } = summary(findings)
  const parts = [
    fatal === 0 ? '' : colours.fatal(`${fatal} fatal`),
    warning === 0 ? '' : colours.warning(`${warning} ${warning === 1 ? 'warning' : 'warnings'}`),
    info === 0 ? '' : `${info} info`,
    `${ok} ok`,
  ]
  output.line(parts.filter((part) => part !== '').join(', '))
}

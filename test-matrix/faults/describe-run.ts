import { formatReport, type FaultRecord, type Report } from '../checker/index.js'
import type { RelayChild } from '../workload/relay-child.js'
import type { WorkloadResult } from '../workload/workload.js'

interface Run {
  readonly seed: number
  readonly faults: readonly FaultRecord[]
  readonly relays: readonly RelayChild[]
  readonly result: WorkloadResult | undefined
  readonly report: Report
  /** What was planted to be found, if anything. */
  readonly planted: string | undefined
  /** Where the records of the run are. */
  readonly folder: string
}

/** A run's outcome for people; of one that failed, also what the relays last said and where the records are. */
export function describeRun({ seed, faults, relays, result, report, planted, folder }: Run): string {
  const names = faults.map(({ fault }) => fault).join(', ') || 'none'
  const seconds = result?.seconds.toFixed(1) ?? '?'
  const failed = result === undefined || result.failed === 0 ? '' : `, ${result.failed} transactions failed`
  const head = `seed ${seed}, written in ${seconds} s${failed}; faults: ${names}`
  if (planted !== undefined) return `planted: ${planted}, to be found; ${head}\n${formatReport(report)}`
  const lines = [head, formatReport(report)]
  if (report.failures.length > 0) lines.push(...lastWords(relays), `records: ${folder}`)
  return lines.join('\n')
}

function lastWords(relays: readonly RelayChild[]): string[] {
  return relays.flatMap(({ name, states }) =>
    states
      .filter(({ state }) => state !== 'started' && state !== 'published')
      .slice(-6)
      .map((state) => `  ${name}: ${JSON.stringify(state)}`),
  )
}

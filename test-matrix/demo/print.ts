import type { Report } from '../checker/index.js'
import { orms } from './applications.js'
import type { Latency } from './latency.js'

export interface Result {
  readonly database: string
  readonly kafka: string
  readonly report: Report
  readonly latency: Latency
  readonly seconds: number
}

/** What a person sees while it runs. On stderr, so that `--json` leaves stdout to the machine. */
export class Screen {
  #progress = false

  step(text: string): void {
    this.#endProgress()
    console.error(`• ${text}`)
  }

  /** Overwrites itself on a terminal; elsewhere only the end of each phase is told, by `step`. */
  progress(text: string): void {
    if (!process.stderr.isTTY) return
    process.stderr.write(`\r\u001b[2K  ${text}`)
    this.#progress = true
  }

  #endProgress(): void {
    if (this.#progress) process.stderr.write('\r\u001b[2K')
    this.#progress = false
  }
}

export function printResult({ report, latency, kafka, seconds }: Result): void {
  const rows = Object.fromEntries(
    [...orms.map((orm) => [orm, report.byOrm[orm]] as const), ['total', report.total] as const].map(
      ([name, counts]) => [
        name,
        {
          emitted: counts?.emitted ?? 0,
          'rolled back': counts?.rolledBack ?? 0,
          received: counts?.received ?? 0,
          lost: counts?.lost ?? 0,
          phantom: counts?.phantom ?? 0,
          'out of order': counts?.misordered ?? 0,
          duplicates: counts?.duplicates ?? 0,
        },
      ],
    ),
  )
  console.table(rows)
  console.log(`topic: ${kafka === 'memory' ? 'in memory, NOT Kafka' : `Kafka (${kafka})`}`)
  console.log(
    `insert → consumer: p50 ${latency.p50} ms, p99 ${latency.p99} ms (without the time when no relay was there)`,
  )
  console.log(`${seconds.toFixed(0)} seconds`)
  for (const { kind, orm, detail } of report.samples.slice(0, 12))
    console.log(`  ${kind} (${orm}): ${detail}`)
  console.log(
    report.failures.length === 0
      ? 'Every committed event arrived, none was invented, each key in order.'
      : `FAILED: ${report.failures.join('; ')}`,
  )
}

/** The one line that `--json` promises. */
export function jsonLine({ database, kafka, report, latency, seconds }: Result): string {
  const counts = orms.map((orm) => {
    const {
      emitted = 0,
      rolledBack = 0,
      received = 0,
      lost = 0,
      phantom = 0,
      misordered = 0,
      duplicates = 0,
    } = report.byOrm[orm] ?? {}
    return [orm, { emitted, rolledBack, received, lost, phantom, misordered, duplicates }] as const
  })
  return JSON.stringify({
    database,
    kafka,
    orms: Object.fromEntries(counts),
    latencyMs: latency,
    seconds: Math.round(seconds * 10) / 10,
  })
}

import { mkdirSync } from 'node:fs'
import type { RelayMetrics } from '@outboxkit/relay'
import { Child } from './child.js'
import type { DatabaseName, DriverName } from './options.js'
import type { Runtime } from './runtime.js'

export interface RelayConfig {
  readonly database: DatabaseName
  readonly url: string
  readonly brokers: readonly string[]
  readonly topic: string
  readonly driver: DriverName
  /** Says `reached` when this many events have left the table. */
  readonly until?: number
  /** Sleeps after so many ms without an event. */
  readonly sleepAfterMs?: number
}

/** `at`: {@link monotonicMs}. `cpuMs`: of the process until then. */
export type RelayLine =
  | { readonly state: 'asleep' }
  | { readonly state: 'owner'; readonly at: number; readonly cpuMs: number }
  | { readonly state: 'progress'; readonly at: number; readonly settled: number }
  | { readonly state: 'reached'; readonly at: number; readonly settled: number; readonly cpuMs: number }
  | { readonly state: 'fault'; readonly phase: string; readonly message: string }
  | {
      readonly state: 'stopped'
      readonly cpuMs: number
      readonly maxRssMiB: number
      readonly metrics: RelayMetrics
    }

/** A relay process that owns the lease. `profile`: the folder for its CPU profile. */
export class RelayProcess {
  readonly child: Child<RelayLine>

  private constructor(child: Child<RelayLine>) {
    this.child = child
  }

  static async start(
    config: RelayConfig,
    runtime: Runtime & { readonly flags: readonly string[] },
    profile?: string,
  ): Promise<RelayProcess> {
    if (profile !== undefined) mkdirSync(profile, { recursive: true })
    const profiling = profile === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${profile}`]
    const flags = [...runtime.flags, ...profiling]
    const child = await Child.start<RelayLine>('relay-child', config, { ...runtime, flags })
    try {
      await child.waitFor('owner', 30_000)
      return new RelayProcess(child)
    } catch (error) {
      await child.end()
      throw error
    }
  }

  /** Until so many events have left the table as was asked for: how long it took, and the processor time. */
  async drained(deadlineMs: number): Promise<{ ms: number; cpuMs: number }> {
    const owner = await this.child.waitFor('owner', 1)
    const reached = await this.child.waitFor('reached', deadlineMs)
    return { ms: reached.at - owner.at, cpuMs: reached.cpuMs - owner.cpuMs }
  }

  /** Events that have left the table, by the time on {@link monotonicMs}. */
  get progress(): { at: number; settled: number }[] {
    return this.child.lines.flatMap((line) =>
      line.state === 'progress' || line.state === 'reached' ? [{ at: line.at, settled: line.settled }] : [],
    )
  }

  /** Ends it; a fault on the way makes the figures worthless and is thrown. */
  async stop(): Promise<Extract<RelayLine, { state: 'stopped' }>> {
    await this.child.end()
    const stopped = await this.child.waitFor('stopped', 1)
    const fault = this.child.lines.find((line) => line.state === 'fault')
    if (fault?.state === 'fault') throw new Error(`the relay met a fault (${fault.phase}): ${fault.message}`)
    if (stopped.metrics.late > 0) throw new Error(`${stopped.metrics.late} events came late`)
    return stopped
  }
}

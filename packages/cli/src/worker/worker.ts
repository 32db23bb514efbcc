import type { ResolvedConfig } from '../config/resolved.js'
import type { ExitCode } from '../context.js'
import { exitCodeOf } from '../output/failure.js'
import { livenessOf, readinessOf, type HealthLimits, type HealthView } from './health.js'
import type { HttpServer } from './http.js'
import type { WorkerLog } from './log.js'
import { Station } from './station.js'

export interface WorkerOptions {
  readonly log: WorkerLog
  /** Aborting it stops the worker: what is in flight is settled, leases are given back. */
  readonly signal: AbortSignal
  /**
   * Go on when an outbox can never run as things are - a wrong password, no table - until somebody puts it right.
   * Default false: the worker ends when no outbox is left that could run.
   */
  readonly wait?: boolean | undefined
  /** For tests, not covered by semantic versioning. */
  readonly internal?: { readonly limits?: Partial<HealthLimits> } | undefined
}

const defaultLimits: HealthLimits = { hangsAfterMs: 120_000, oldAfterMs: 60_000 }

/**
 * Runs a relay for each outbox, and the HTTP server. Resolves with the exit code of a process that does nothing else: 0
 * after a clean stop; 1, 2 or 3 when no outbox could run, or was left running. Rejects only when it cannot listen.
 */
export async function runWorker(
  config: Pick<ResolvedConfig, 'outboxes' | 'http'>,
  options: WorkerOptions,
): Promise<ExitCode> {
  const { log, signal } = options
  const stop = new AbortController()
  const stopped = AbortSignal.any([signal, stop.signal])
  const isNamed = config.outboxes.length > 1
  const stations: readonly Station[] = config.outboxes.map(
    (outbox) =>
      new Station(outbox, {
        log: isNamed ? log.child({ outbox: outbox.name }) : log,
        signal: stopped,
        onMistake: () => {
          const isOver = options.wait !== true && stations.every(({ mistake }) => mistake !== undefined)
          if (isOver) stop.abort()
        },
      }),
  )
  const server = await startHttp(config.http, stations, options)
  await Promise.all(stations.map((station) => station.run()))
  await server?.close()
  return endOf(stations, options)
}

async function startHttp(
  { host, port }: ResolvedConfig['http'],
  stations: readonly Station[],
  { log, internal }: WorkerOptions,
): Promise<HttpServer | undefined> {
  if (port === undefined) return undefined
  // Their libraries are loaded by whoever listens.
  const [{ createHttp, listen }, { WorkerMetrics }] = await Promise.all([
    import('./http.js'),
    import('./metrics.js'),
  ])
  const limits = { ...defaultLimits, ...internal?.limits }
  const metrics = new WorkerMetrics()
  const watches = stations.map((station) => new Watch(station))
  const app = createHttp({
    live: () => watches.map((watch) => livenessOf(watch.view(), limits)),
    ready: () => Promise.all(watches.map(async (watch) => readinessOf(await watch.measured(), limits))),
    metrics: async () => ({
      contentType: metrics.contentType,
      text: await metrics.text(
        await Promise.all(
          stations.map(async (station) => ({
            name: station.name,
            state: station.state,
            metrics: station.metrics,
            histograms: station.histograms,
            table: await measure(station),
          })),
        ),
      ),
    }),
    wake: (name) => {
      const woken = stations.filter((station) => name === undefined || station.name === name)
      for (const station of woken) station.wake()
      return woken.length > 0
    },
  })
  const server = await listen(app, host, port)
  log.info({ event: 'listening', url: server.url }, `health and metrics: ${server.url}`)
  return server
}

/** Remembers between two looks at a station when it last moved. */
class Watch {
  readonly #station: Station
  #turns = ''
  #movedAt = performance.now()

  constructor(station: Station) {
    this.#station = station
  }

  view(): HealthView {
    const { name, state, mistake, faults, metrics, turns } = this.#station
    const now = performance.now()
    if (turns !== this.#turns) this.#movedAt = now
    this.#turns = turns
    const publishedAt = metrics?.lastPublishedAt ?? 0
    return {
      name,
      state,
      faults,
      mistake: mistake?.message,
      stillForMs: now - this.#movedAt,
      sincePublishedMs: publishedAt === 0 ? Infinity : Math.max(0, Date.now() - publishedAt),
      table: undefined,
    }
  }

  async measured(): Promise<HealthView> {
    const table = await measure(this.#station)
    return { ...this.view(), table }
  }
}

/** A database that is asleep is not woken up by whoever asks how it is. */
function measure({ state, observer }: Station): ReturnType<Station['observer']['measure']> {
  return state === 'asleep' || state === 'stopped' || state === 'failed'
    ? Promise.resolve(undefined)
    : observer.measure()
}

function endOf(stations: readonly Station[], { log, signal }: WorkerOptions): ExitCode {
  const mistakes = stations.flatMap(({ mistake }) => mistake ?? [])
  if (signal.aborted) {
    const { reason } = signal as { reason: unknown }
    // Not by Ctrl-C or SIGTERM: something was thrown that nobody caught.
    if (!(reason instanceof DOMException && reason.name === 'AbortError')) return 1
    return mistakes.some(({ code }) => code === 'OUTBOX_RELAY_HALTED') ? 1 : 0
  }
  const isCurable = mistakes.some(({ code }) => code !== 'OUTBOX_RELAY_HALTED')
  const hint = isCurable ? ' (--wait goes on trying)' : ''
  log.fatal({ event: 'ended' }, `ended: no outbox is left that could run${hint}`)
  const codes = mistakes.map(({ code }) => exitCodeOf(code))
  return codes.includes(3) ? 3 : codes.includes(1) ? 1 : (codes[0] ?? 1)
}

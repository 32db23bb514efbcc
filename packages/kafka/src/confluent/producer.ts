import type { BatchOutcome, PartitionBatch } from '../driver.js'
import { connectionError, failureOf, isHopeless } from './failures.js'
import type { LibrdkafkaSettings } from './config.js'
import type { NativeError, NativeModule, NativeProducer, NativeReport } from './native.js'
import { toBuffer, toHeaders } from './records.js'

/** How long one `flush` may hold up batches that come in the meantime, in milliseconds. */
const flushMs = 50
const pollMs = 100
/** Of syslog: this, and what is less, is an error. */
const errorSeverity = 3

interface Tracked {
  readonly batch: PartitionBatch
  readonly resolve: (outcome: BatchOutcome) => void
  /** Messages without a report. */
  left: number
  written: number
  failure: NativeError | undefined
}

/**
 * One librdkafka producer that sends each batch as one request.
 *
 *     send() ──▶ waiting ──hand over──▶ handed ──reports──▶ outcome
 *                   ▲                     │
 *                   └── while a flush runs┘
 *
 * librdkafka takes single messages, on threads of its own, and would send whatever part of a batch has arrived:
 * when the first part gets lost and the second does not, order is gone. So its linger time is endless, and it
 * sends only what was handed over before a flush: batches are handed over while no flush is running, and then
 * flushed together. (A thread that is late with an earlier flush does not send them either: it compares the
 * clock that it read before with the time when the first message was handed over.)
 */
export class BatchProducer {
  readonly ready: Promise<void>
  readonly #native: NativeProducer
  readonly #redact: (text: string) => string
  readonly #poll: NodeJS.Timeout
  readonly #handed = new Map<string, Tracked>()
  #waiting: Tracked[] = []
  #flushing = false
  #turnPlanned = false
  /** It holds a part of a batch: it must not send anything any more. */
  #broken = false
  #ended = false
  #lastError: NativeError | undefined
  #lastLogged: string | undefined

  constructor(
    module: NativeModule,
    settings: LibrdkafkaSettings,
    options: { readonly connectMs: number; readonly redact: (text: string) => string; readonly log: Log },
  ) {
    this.#redact = options.redact
    this.#native = new module.Producer(settings)
    this.#native.on('event.log', ({ severity, message }) => {
      const entry = { severity: Number(severity ?? 6), message: options.redact(plainLog(message)) }
      if (entry.severity <= errorSeverity) this.#lastLogged = entry.message
      options.log(entry)
    })
    this.#native.on('delivery-report', (error, report) => this.#reported(error, report))
    this.ready = this.#connect(options.connectMs)
    // Whoever sends waits for it as well; without a listener Node would end the process.
    this.ready.catch(() => {})
    // For errors and log lines; reports come with the flushes.
    this.#poll = setInterval(() => this.#serve(), pollMs).unref()
  }

  get native(): NativeProducer {
    return this.#native
  }

  /** The last thing that librdkafka said about its connections. */
  get lastError(): NativeError | undefined {
    return this.#lastError
  }

  /** Never rejects; may never resolve. One batch of a partition at a time. */
  send(batch: PartitionBatch): Promise<BatchOutcome> {
    return new Promise((resolve) => {
      this.#waiting.push({ batch, resolve, left: batch.records.length, written: 0, failure: undefined })
      this.#plan()
    })
  }

  /** Takes back a batch that has not been handed to librdkafka. `false`: it has, and may be sent. */
  withdraw(batch: PartitionBatch): boolean {
    const before = this.#waiting.length
    this.#waiting = this.#waiting.filter((tracked) => tracked.batch !== batch)
    return this.#waiting.length < before
  }

  /** What librdkafka still holds is dropped. Resolves when its connections are closed. */
  destroy(): Promise<void> {
    if (this.#ended) return Promise.resolve()
    this.#ended = true
    clearInterval(this.#poll)
    return this.ready.then(
      () => new Promise((resolve) => void this.#native.disconnect(0, resolve)),
      // What cannot connect is ended by the package itself.
      () => {},
    )
  }

  #connect(timeoutMs: number): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#native.on('event.error', (event) => {
        const error = connectionError(event, this.#lastLogged)
        // That no connection is left says less than why there was none.
        if (this.#lastError === undefined || !isHopeless(this.#lastError)) this.#lastError = error
        if (isHopeless(error)) reject(error)
      })
      this.#native.connect({ timeout: timeoutMs, allTopics: false }, (error) => {
        if (error) reject(this.#lastError ?? error)
        else resolve()
      })
    })
  }

  #serve(): void {
    try {
      this.#native.poll()
    } catch {
      // not connected at the moment
    }
  }

  /** Batches of the same moment are flushed together. */
  #plan(): void {
    if (this.#turnPlanned) return
    this.#turnPlanned = true
    queueMicrotask(() => {
      this.#turnPlanned = false
      this.#turn()
    })
  }

  #turn(): void {
    if (this.#flushing || this.#broken || this.#ended) return
    for (const tracked of this.#waiting.splice(0)) this.#handOver(tracked)
    if (this.#handed.size === 0 || this.#broken) return
    this.#flushing = true
    this.#native.flush(flushMs, () => {
      this.#flushing = false
      this.#turn()
    })
  }

  #handOver(tracked: Tracked): void {
    const { batch, resolve } = tracked
    if (this.#broken) return resolve(notHandedOver)
    const { topic, partition, records } = batch
    const key = keyOf(topic, partition)
    if (this.#handed.has(key)) return resolve(inFlight)
    this.#handed.set(key, tracked)
    const timestamp = Date.now()
    let count = 0
    try {
      for (const { key: name, value, headers } of records) {
        this.#native.produce(
          topic,
          partition,
          toBuffer(value),
          toBuffer(name),
          timestamp,
          undefined,
          toHeaders(headers),
        )
        count += 1
      }
    } catch (error) {
      const { verdict, code, message } = failureOf(error, this.#redact)
      if (count === 0) {
        this.#handed.delete(key)
        return resolve({ status: verdict === 'rejected' ? verdict : 'failed', code, message })
      }
      // A part of the batch is in librdkafka's queue. Whoever hears of `unknown` drops this producer.
      this.#broken = true
      for (const each of this.#handed.values()) each.resolve({ status: 'unknown', code, message })
      this.#handed.clear()
    }
  }

  #reported(error: NativeError | null, { topic, partition }: NativeReport): void {
    const key = keyOf(topic, partition)
    const tracked = this.#handed.get(key)
    if (tracked === undefined) return
    tracked.left -= 1
    if (error) tracked.failure = worse(tracked.failure, error)
    else tracked.written += 1
    if (tracked.left > 0) return
    this.#handed.delete(key)
    tracked.resolve(this.#outcomeOf(tracked))
  }

  #outcomeOf({ failure, written }: Tracked): BatchOutcome {
    if (failure === undefined) return { status: 'written' }
    const { verdict, code, message } = failureOf(failure, this.#redact)
    if (written > 0)
      return { status: 'unknown', code, message: `a part of the batch was not written: ${message}` }
    return verdict === 'too-large' ? { status: verdict } : { status: verdict, code, message }
  }
}

export type Log = (entry: { readonly severity: number; readonly message: string }) => void

const notHandedOver: BatchOutcome = {
  status: 'failed',
  code: 'CLIENT_ERROR',
  message: 'the producer had to be dropped before the batch was its turn',
}

const inFlight: BatchOutcome = {
  status: 'failed',
  code: 'IN_FLIGHT',
  message: 'the partition has a batch in flight',
}

/** Without the name of the thread. */
const plainLog = (message: unknown): string => String(message).replace(/^\[thrd:[^\]]*\]: /, '')

const keyOf = (topic: string, partition: number): string => `${topic}\n${partition}`

/**
 * The messages of a refused batch may have several errors. A doubt goes before everything; then what the broker
 * said: librdkafka has codes of its own for the messages that are not to blame.
 */
function worse(known: NativeError | undefined, error: NativeError): NativeError {
  if (known === undefined) return error
  const rank = (each: NativeError): number => {
    if (failureOf(each, String).verdict === 'unknown') return notToBlame.has(Number(each.code)) ? 0 : 2
    return 1
  }
  return rank(error) > rank(known) ? error : known
}

/** Another record of the batch is invalid. */
const notToBlame = new Set([-138])

import { OutboxError, scopeOf, type StoredEvent } from '@outboxkit/core'
import type { Outcome, Publisher } from '@outboxkit/relay'

/** One message on a topic in memory. */
export interface MemoryMessage {
  readonly topic: string
  /** The aggregate id. */
  readonly key: string | null
  /** The payload as it was stored. */
  readonly value: string | Uint8Array | null
  readonly event: StoredEvent
}

/**
 * What a publisher in memory does instead of publishing: `'retry'`, `'unknown'` (a retry for which the topic need
 * not be to blame), `'reject'`, or nothing (`undefined`): it publishes.
 */
export type MemoryFailure = 'retry' | 'unknown' | 'reject' | undefined

export interface MemoryPublisherOptions {
  /** The topic of an event. Default: its own, else `outbox.event.<aggregateType>`. */
  readonly topicOf?: (event: StoredEvent) => string
  /** Decides for every event of every call. Default: publishes everything. */
  readonly fail?: (event: StoredEvent, topic: string) => MemoryFailure
  /** Waits before each call is answered, in ms. Default 0. */
  readonly delayMs?: number
}

/** A {@link Publisher} that keeps messages in memory, for tests of applications and of relays. */
export interface MemoryPublisher extends Publisher {
  /** All messages in the order in which they were published, or those of one topic. */
  messages(topic?: string): readonly MemoryMessage[]
  readonly topics: readonly string[]
  /** Replaces `options.fail`; `undefined` publishes everything again. */
  failWith(fail: ((event: StoredEvent, topic: string) => MemoryFailure) | undefined): void
  /** Resolves when at least `count` messages were published; rejects after `timeoutMs` (default 5,000). */
  waitFor(count: number, timeoutMs?: number): Promise<readonly MemoryMessage[]>
  clear(): void
}

/** Makes a {@link MemoryPublisher}. It keeps the order of a key within a topic, as every publisher does. */
export function memoryPublisher(options: MemoryPublisherOptions = {}): MemoryPublisher {
  let fail = options.fail
  const messages: MemoryMessage[] = []
  const topicOf = options.topicOf ?? ((event) => event.topic ?? `outbox.event.${event.aggregateType}`)
  const waiting = new Set<() => void>()

  function publishOne(event: StoredEvent, blocked: Set<string>): Outcome {
    const topic = topicOf(event)
    const scope = scopeOf(event)
    const lane = `${topic} ${scope}`
    const status = scope !== null && blocked.has(lane) ? 'retry' : fail?.(event, topic)
    if (status === undefined) {
      messages.push({ topic, key: event.aggregateId, value: event.payload, event })
      return { status: 'published' }
    }
    blocked.add(lane)
    const code = status === 'reject' ? 'OUTBOX_PUBLISH_REJECTED' : 'OUTBOX_PUBLISH_RETRY'
    const error = new OutboxError(code, `The publisher in memory was told to ${status} this.`)
    return status === 'unknown'
      ? { status: 'retry', error, topic, uncertain: true }
      : { status, error, topic }
  }

  return {
    name: 'memory',
    topicOf,
    messages: (topic) =>
      topic === undefined ? [...messages] : messages.filter((message) => message.topic === topic),
    get topics() {
      return [...new Set(messages.map(({ topic }) => topic))]
    },
    failWith: (next) => void (fail = next),
    clear: () => void (messages.length = 0),
    async publish(events, { signal }) {
      if (options.delayMs !== undefined) await pause(options.delayMs, signal)
      const blocked = new Set<string>()
      const outcomes = events.map((event) => publishOne(event, blocked))
      for (const look of waiting) look()
      return outcomes
    },
    waitFor: (count, timeoutMs = 5_000) =>
      new Promise((resolve, reject) => {
        const timer = setTimeout(() => {
          waiting.delete(look)
          reject(new Error(`${messages.length} of ${count} messages were published within ${timeoutMs} ms.`))
        }, timeoutMs)
        const look = (): void => {
          if (messages.length < count) return
          clearTimeout(timer)
          waiting.delete(look)
          resolve([...messages])
        }
        waiting.add(look)
        look()
      }),
    close: () => Promise.resolve(),
  }
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await new Promise<void>((resolve) => {
    const timer = setTimeout(resolve, ms)
    signal.addEventListener('abort', () => (clearTimeout(timer), resolve()), { once: true })
  })
}

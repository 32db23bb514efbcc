import { isOutboxError, OutboxError, type OutboxTable, type StoredEvent } from '@outboxkit/core'
import type { Publisher } from '@outboxkit/relay'
import type { Database } from '../database/database.js'
import { countArchived, readArchived, type ArchiveCursor, type ArchiveSelection } from './archive.js'
import { pause } from './pause.js'

/*
 * Replay sends straight from the archive to the publisher; nothing goes through the outbox table. Re-inserted rows
 * would stand in the way of what is new (a million old events before the next order), raise every alarm about the
 * age of the backlog, get positions and times that are not theirs, and be archived a second time. A replay writes
 * nothing to the database, so it needs no lease, and the relay that owns the table goes on meanwhile.
 *
 * What it costs: old events of a key arrive between new ones of it. They are marked by a header for that reason.
 * Among themselves they keep their order: one call of the publisher after the other, each one repeated until all of
 * it is acknowledged. A replay that ends early has sent everything before its cursor.
 */

/** The header that marks what is sent again; its value is when the replay was started (RFC 3339, UTC). */
export const replayHeader = 'outbox-replay'

export interface ReplayPlan {
  readonly events: number
  /** RFC 3339, UTC; `undefined`: there is nothing to send. */
  readonly firstPublishedAt?: string | undefined
  readonly lastPublishedAt?: string | undefined
  readonly firstPosition?: number | undefined
  readonly lastPosition?: number | undefined
  /** Events by topic. A `null` topic: the publisher cannot say, and would refuse the event. */
  readonly topics: readonly { readonly topic: string | null; readonly events: number }[]
}

/** {@link ArchiveSelection}, and the topic that the publisher chooses. */
export interface ReplaySelection extends ArchiveSelection {
  readonly topic?: string | undefined
}

/**
 * What a replay would send. The topic is found by aggregate type, type and the event's own topic: where a function
 * of yours looks at more than that, it is that of one of the events.
 */
export async function planReplay(
  database: Database,
  table: OutboxTable,
  publisher: Pick<Publisher, 'topicOf'>,
  selection: ReplaySelection,
  { signal, onProgress }: { signal?: AbortSignal; onProgress?: (events: number) => void } = {},
): Promise<ReplayPlan> {
  const topics = new Map<string | null, number>()
  let plan: Omit<ReplayPlan, 'topics'> = { events: 0 }
  for await (const { items } of countArchived(database, table, selection)) {
    signal?.throwIfAborted()
    for (const group of items) {
      const topic = publisher.topicOf(group.sample)
      if (selection.topic !== undefined && topic !== selection.topic) continue
      topics.set(topic, (topics.get(topic) ?? 0) + group.events)
      plan = {
        events: plan.events + group.events,
        firstPublishedAt: least(plan.firstPublishedAt, group.firstPublishedAt),
        lastPublishedAt: greatest(plan.lastPublishedAt, group.lastPublishedAt),
        firstPosition: least(plan.firstPosition, group.firstPosition),
        lastPosition: greatest(plan.lastPosition, group.lastPosition),
      }
    }
    onProgress?.(plan.events)
  }
  return { ...plan, topics: [...topics].map(([topic, events]) => ({ topic, events })) }
}

export interface ReplayOptions {
  /** Goes on after what an earlier replay of the same selection has sent. */
  readonly after?: ArchiveCursor | undefined
  /** Ends the replay after what is being sent. */
  readonly signal?: AbortSignal | undefined
  /** Value of the header. Default: now. */
  readonly startedAt?: string | undefined
  /** At most so many events a second. Default: as fast as the broker takes them. */
  readonly eventsPerSecond?: number | undefined
  /** How long to try while the broker takes nothing, in ms. Default 120,000. */
  readonly patienceMs?: number | undefined
  readonly onProgress?: ((progress: ReplayProgress) => void) | undefined
}

export interface ReplayProgress {
  readonly events: number
  /** Everything before it has been sent; `undefined`: nothing yet. */
  readonly cursor: ArchiveCursor | undefined
}

export interface ReplayResult extends ReplayProgress {
  readonly complete: boolean
  /** Why it has ended early; `undefined` when the signal has ended it. */
  readonly error?: OutboxError | undefined
}

/**
 * Sends archived events again, in the order of their publication, with the header `outbox-replay`. Ends early, with
 * a cursor to go on from, when the signal says so, when an event is refused, or when the broker takes nothing for
 * `patienceMs`. Rejects as the database does.
 */
export async function replay(
  database: Database,
  table: OutboxTable,
  publisher: Publisher,
  selection: ReplaySelection,
  options: ReplayOptions = {},
): Promise<ReplayResult> {
  const { signal, startedAt = new Date().toISOString(), eventsPerSecond = Infinity } = options
  const begunAt = performance.now()
  let progress: ReplayProgress = { events: 0, cursor: options.after }
  for await (const { items, end } of readArchived(database, table, selection, options.after)) {
    const wanted = items.filter(
      ({ event }) => selection.topic === undefined || publisher.topicOf(event) === selection.topic,
    )
    const size = Math.max(1, Math.min(wanted.length, eventsPerSecond))
    for (let at = 0; at < wanted.length; at += size) {
      if (signal?.aborted === true) return { ...progress, complete: false }
      const batch = wanted.slice(at, at + size)
      const events = batch.map(({ event }) => marked(event, startedAt))
      const failure = await publishAll(publisher, events, options)
      if (failure !== undefined) return { ...progress, complete: false, ...failure }
      progress = { events: progress.events + events.length, cursor: batch.at(-1)?.cursor }
      options.onProgress?.(progress)
      const dueAt = begunAt + (progress.events / eventsPerSecond) * 1_000
      if (eventsPerSecond !== Infinity) await pause(dueAt - performance.now(), signal)
    }
    progress = { ...progress, cursor: end }
    options.onProgress?.(progress)
    if (signal?.aborted === true) return { ...progress, complete: false }
  }
  return { ...progress, complete: true }
}

// A call that is under way when the replay is to end has this long, in ms.
const graceMs = 5_000
const callMs = 60_000

/** Until all of them are acknowledged, in order; otherwise why not. */
async function publishAll(
  publisher: Publisher,
  events: readonly StoredEvent[],
  { signal, patienceMs = 120_000 }: ReplayOptions,
): Promise<{ readonly error?: OutboxError } | undefined> {
  let pending = events
  let [failures, lastSuccess] = [0, performance.now()]
  while (pending.length > 0) {
    const outcomes = await call(publisher, pending, signal)
    const left = pending.filter((_, index) => outcomes[index]?.status !== 'published')
    const refused = outcomes.find((outcome) => outcome?.status === 'reject')
    if (refused?.status === 'reject') return { error: refused.error }
    if (left.length < pending.length) [failures, lastSuccess] = [0, performance.now()]
    pending = left
    if (pending.length === 0) return undefined
    if (signal?.aborted === true) return {}
    if (performance.now() - lastSuccess > patienceMs) {
      const reason = outcomes.find((outcome) => outcome?.status === 'retry')
      return { error: reason?.status === 'retry' ? reason.error : silent(publisher) }
    }
    await pause(Math.min(5_000, 100 * 2 ** failures++), signal)
  }
  return undefined
}

async function call(
  publisher: Publisher,
  events: readonly StoredEvent[],
  signal: AbortSignal | undefined,
): Promise<Awaited<ReturnType<Publisher['publish']>>> {
  const end = new AbortController()
  const timer = setTimeout(() => end.abort(), callMs)
  let grace: NodeJS.Timeout | undefined
  const stop = (): void => void (grace = setTimeout(() => end.abort(), graceMs))
  signal?.addEventListener('abort', stop, { once: true })
  try {
    return await publisher.publish(events, { signal: end.signal })
  } catch (error) {
    const failure = isOutboxError(error)
      ? error
      : new OutboxError('OUTBOX_PUBLISH_RETRY', `Publisher ${publisher.name} failed: ${String(error)}`)
    return events.map(() => ({ status: 'retry', error: failure, topic: null }))
  } finally {
    signal?.removeEventListener('abort', stop)
    clearTimeout(timer)
    clearTimeout(grace)
  }
}

/** The event with the header that says that it is sent again. */
function marked(event: StoredEvent, startedAt: string): StoredEvent {
  return { ...event, headers: withHeader(event.headers, startedAt) }
}

/** Headers that are no JSON object stay as they are: the envelope refuses them, as it did before. */
function withHeader(headers: string | null, startedAt: string): string {
  const member = `${JSON.stringify(replayHeader)}:${JSON.stringify(startedAt)}`
  if (headers === null) return `{${member}}`
  const text = headers.trim()
  if (!text.startsWith('{') || !text.endsWith('}')) return headers
  const own = text.slice(1, -1).trim()
  // Last: of two members of one name JSON.parse takes the last one.
  return own === '' ? `{${member}}` : `{${own},${member}}`
}

function silent({ name }: Publisher): OutboxError {
  return new OutboxError('OUTBOX_PUBLISH_RETRY', `Publisher ${name} gave no answer.`)
}

function least<T extends string | number>(a: T | undefined, b: T): T {
  return a === undefined || b < a ? b : a
}

function greatest<T extends string | number>(a: T | undefined, b: T): T {
  return a === undefined || b > a ? b : a
}

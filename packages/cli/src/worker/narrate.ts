import type { OutboxError, StoredEvent } from '@outboxkit/core'
import type { FaultPhase, HeldEvent, HeldScope, Publisher, Relay, RelayEvents } from '@outboxkit/relay'
import { isDev } from '../dev/owner.js'
import { FaultBook, count } from './faults.js'
import type { WorkerLog } from './log.js'

/** What faults of the database are about; a fault of one topic is about `topic <name>`. */
export const aboutDatabase = 'the database'
export const aboutBroker = 'the broker'
export const aboutLease = 'the lease'

// Beyond, scopes are counted only.
const knownScopes = 10_000

// Lines about single scopes and events, per summary; the others are counted.
const linesPerSummary = 20

/** Tells the life of a relay: one line per change of its state, none per event. */
export class Narrator {
  readonly faults: FaultBook
  readonly #log: WorkerLog
  /** Said once in the life of the process. */
  #saidBroker = false
  #saidWaiting = false
  #saidFirst = false
  readonly #heldScopes = new Set<string>()
  #lines = 0
  #unsaid = 0
  #relay: Relay | undefined
  #publisher: Publisher | undefined
  /** How often the lease had been renewed when a renewal failed. */
  #renewals = 0

  /** `now`: a monotonic clock in ms. */
  constructor(log: WorkerLog, now: () => number) {
    this.#log = log
    this.faults = new FaultBook(log, now)
  }

  /** From now on it is about this relay. */
  attach(relay: Relay, publisher: Publisher): void {
    this.#relay = relay
    this.#publisher = publisher
    this.#renewals = 0
    relay
      .on('owner', (event) => this.#owner(event))
      .on('standby', (event) => this.#standby(event))
      .on('asleep', ({ wakeInMs }) =>
        this.#log.info(
          { event: 'asleep', wakeInMs },
          `asleep: nothing came, the database is left alone until wake() or for ${Math.round(wakeInMs / 1_000)} s`,
        ),
      )
      .on('published', ({ events }) => this.#published(events))
      .on('held', ({ events }) => this.#held(events))
      .on('skipped', ({ event, error }) => this.#skipped(event, error))
      .on('lifted', (scope) => this.#lifted(scope))
      .on('late', ({ count: events }) =>
        this.#log.warn(
          { event: 'late', count: events },
          `${count(events, 'event')} found by the safety sweep only: please report this`,
        ),
      )
      .on('fault', (event) => this.#fault(event))
  }

  /** Notices what is over without an event that says so. */
  refresh(): void {
    if ((this.#relay?.metrics().renewals ?? 0) > this.#renewals) this.faults.over(aboutLease)
  }

  /** To be called now and then, e.g. once a minute. */
  summarise(): void {
    this.refresh()
    this.faults.summarise()
    if (this.#unsaid > 0)
      this.#log.warn(
        { event: 'more-held', count: this.#unsaid },
        `${this.#unsaid} more of the same: see \`outboxkit dead list\``,
      )
    this.#unsaid = this.#lines = 0
  }

  #owner({ epoch, unclean }: RelayEvents['owner']): void {
    this.faults.over(aboutDatabase)
    this.faults.over(aboutLease)
    this.#log.info(
      { event: 'owner', epoch, unclean },
      `owner: this relay publishes (epoch ${epoch})${unclean ? '; the owner before had not stopped cleanly' : ''}`,
    )
    this.#broker()
    if (this.#saidWaiting) return
    this.#saidWaiting = true
    this.#log.info({ event: 'waiting' }, 'waiting for events')
  }

  #standby({ owner, epoch }: RelayEvents['standby']): void {
    this.faults.over(aboutDatabase)
    this.faults.over(aboutLease)
    this.#log.info({ event: 'standby', owner, epoch }, standbyText(owner, epoch))
    this.#broker()
  }

  /** The relay opens its publisher before anything else: what has not failed by now has worked. */
  #broker(): void {
    if (this.#saidBroker) return
    this.#saidBroker = true
    if (this.faults.ongoing.some(({ about }) => about === aboutBroker)) return
    const name = this.#publisher?.name
    this.#log.info({ event: 'broker', publisher: name }, `broker reached: ${name}`)
  }

  #published(events: readonly StoredEvent[]): void {
    if (this.faults.ongoing.length > 0) {
      this.faults.over(aboutBroker)
      const topics = new Set(events.map((event) => this.#topicOf(event)))
      for (const topic of topics) if (topic !== null) this.faults.over(aboutTopic(topic))
    }
    const [first] = events
    if (this.#saidFirst || first === undefined) return
    this.#saidFirst = true
    const topic = this.#topicOf(first)
    this.#log.info(
      { event: 'first-published', id: first.id, type: first.type, topic },
      `first event published: ${first.type} to ${topic ?? 'its topic'} (${first.id}); from now on only changes are logged`,
    )
  }

  #topicOf(event: StoredEvent): string | null {
    return this.#publisher?.topicOf(event) ?? null
  }

  #held(events: readonly HeldEvent[]): void {
    for (const { kind, scope, code, reason } of events) {
      const name = `${kind} ${scope}`
      if (this.#heldScopes.has(name)) continue
      if (this.#heldScopes.size < knownScopes) this.#heldScopes.add(name)
      else this.#lines = linesPerSummary
      const goesBy = kind === 'topic' ? 'it is tried again by itself' : 'see `outboxkit dead list`'
      this.#limited(
        { event: 'held', kind, scope, code },
        `${name} is held, its events wait in order: ${reason} (${goesBy})`,
      )
    }
  }

  #lifted({ kind, scope }: HeldScope): void {
    this.#heldScopes.delete(`${kind} ${scope}`)
    if (kind === 'topic') this.faults.over(aboutTopic(scope))
    this.#limited({ event: 'lifted', kind, scope }, `${kind} ${scope} is free again`, 'info')
  }

  #skipped({ id, type, position }: StoredEvent, error: OutboxError): void {
    this.#limited(
      { event: 'skipped', id, type, position, code: error.code },
      `an event was given up, as onPoison: 'skip' says: ${type} (${id}): ${error.message}`,
    )
  }

  #limited(fields: object, message: string, level: 'info' | 'warn' = 'warn'): void {
    if (this.#lines >= linesPerSummary) {
      this.#unsaid++
      return
    }
    this.#lines++
    this.#log[level](fields, message)
  }

  #fault({ phase, error, topic, retryInMs }: RelayEvents['fault']): void {
    if (phase === 'close') {
      this.#log.debug({ event: 'close-failed', code: error.code }, error.message)
      return
    }
    if (phase === 'renew') this.#renewals = this.#relay?.metrics().renewals ?? 0
    this.faults.note({
      about: topic === undefined ? aboutOf(phase, retryInMs) : aboutTopic(topic),
      code: error.code,
      detail: detailOf(error),
      message: error.message,
      retryInMs,
    })
  }
}

function standbyText(owner: string | null, epoch: number): string {
  return isDev(owner)
    ? `standby: outboxkit dev has the events (epoch ${epoch}); they do not reach Kafka while it runs. This relay takes over when it ends`
    : `standby: another relay publishes (epoch ${epoch}); this one takes over when it ends`
}

function aboutTopic(topic: string): string {
  return `topic ${topic}`
}

/** `open` without a time to try again is the publisher's: it connects by itself when it publishes. */
function aboutOf(phase: FaultPhase, retryInMs: number | undefined): string {
  if (phase === 'publish' || phase === 'drain' || (phase === 'open' && retryInMs === undefined))
    return aboutBroker
  return phase === 'renew' ? aboutLease : aboutDatabase
}

function detailOf({ details }: OutboxError): string | undefined {
  const { sqlState, code, errno } = details
  return [sqlState, code, errno].find((value): value is string => typeof value === 'string')
}

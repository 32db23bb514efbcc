import { humanMs } from '../doctor/limits.js'

/**
 * - `relay`: dev is the relay of this outbox: events that were shown leave it, and never reach Kafka.
 * - `look`: dev only looks: nothing is written, no lease is taken, every event stays for the real relay.
 */
export type DevMode = 'relay' | 'look'

/** What decides whether events may leave. */
export interface DevFacts {
  /** Host, port and database. */
  readonly database: string
  /** The host is this very machine. */
  readonly isLocal: boolean
  /** `Amazon RDS` and the like, as the server gives itself away; also behind a tunnel. */
  readonly service: string | undefined
  /** Servers that copy this one. */
  readonly replicas: number
  /** The environment says NODE_ENV=production. */
  readonly isProduction: boolean
  /** A relay other than dev has run on this outbox. */
  readonly wasServed: boolean
  /** Events in the outbox, counted up to {@link manyEvents} + 1. */
  readonly waiting: number
  /** Who owns the outbox now. */
  readonly owner: { readonly id: string; readonly epoch: number; readonly expiresInMs: number } | undefined
}

/** More than this are not from somebody trying things out. */
export const manyEvents = 1_000

export interface DevChoice {
  readonly mode: DevMode
  /** Why it only looks. */
  readonly reasons: readonly string[]
}

/** What a person asked for: `--keep`, `--consume`, or nothing. */
export type DevWish = 'keep' | 'consume' | undefined

/**
 * Events that dev takes are lost for Kafka, so it takes them only where all says that this is a database for
 * development; everywhere else it looks.
 */
export function chooseMode(facts: DevFacts, wish: DevWish): DevChoice {
  if (wish === 'keep') return { mode: 'look', reasons: [] }
  const reasons = doubts(facts)
  if (wish === 'consume' || reasons.length === 0) return { mode: 'relay', reasons: [] }
  return { mode: 'look', reasons }
}

/** Why this may not be a database for development. */
export function doubts(facts: DevFacts): string[] {
  const { database, isLocal, service, replicas, isProduction, wasServed, waiting, owner } = facts
  const name = database.slice(database.lastIndexOf('/') + 1)
  return [
    isLocal ? '' : `${database} is not on this machine`,
    service === undefined ? '' : `the server is ${service}`,
    replicas === 0
      ? ''
      : `${replicas === 1 ? 'a replica follows' : `${replicas} replicas follow`} the server`,
    /(^|[^a-z])prod(uction)?([^a-z]|$)/i.test(name) ? `the database is called ${name}` : '',
    isProduction ? 'NODE_ENV is production' : '',
    waiting > manyEvents ? `more than ${manyEvents} events wait` : '',
    owner === undefined || !wasServed
      ? ''
      : `the relay ${owner.id} owns the outbox and publishes its events (epoch ${owner.epoch}, for another ${humanMs(owner.expiresInMs)} unless it renews)`,
    owner === undefined && wasServed ? 'a relay has run on this outbox before' : '',
  ].filter((doubt) => doubt !== '')
}

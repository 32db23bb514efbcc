import type { OutboxError, StoredEvent } from '@outboxkit/core'

/**
 * What became of one event.
 * - `published`: the broker has acknowledged it.
 * - `retry`: transient, or nothing is wrong with this event; it may or may not have been written.
 * - `reject`: this event can never be published as it is.
 *
 * `topic` names what the failure is about: the topic when the broker answered and refuses that topic (unknown,
 * not authorized, not enough replicas), `null` when it may concern everything (unreachable, timed out).
 */
export type Outcome =
  | { readonly status: 'published' }
  | {
      readonly status: 'retry'
      readonly error: OutboxError
      readonly topic: string | null
      /** The topic itself need not be to blame: a time-out, no connection, an unknown answer. Default false. */
      readonly uncertain?: boolean
    }
  | { readonly status: 'reject'; readonly error: OutboxError; readonly topic: string | null }

/**
 * Publishes events. Not its job: attempts, back-off, policy. Never throws for a single event's sake.
 */
export interface Publisher {
  /** For logs and health. Never a secret. */
  readonly name: string
  /** `messaging.system` of OpenTelemetry, e.g. `kafka`. Default: the name. */
  readonly system?: string
  /** The longest that one `publish` takes, in ms. A relay whose lease is not longer than that does not start. */
  readonly timeoutMs?: number
  /**
   * Publishes `events` in order per key and resolves with one outcome per event, in the same sequence.
   *
   * Within one call, once an event of a key (aggregate type and id) is not published, no later event of that
   * key going to the same topic is published: it gets `retry`. An aborted signal ends the call soon with
   * `retry` for what has no answer yet.
   *
   * Calls may overlap, but never with events of the same topic: a failing topic is tried again beside the others.
   */
  publish(
    events: readonly StoredEvent[],
    options: { readonly signal: AbortSignal },
  ): Promise<readonly Outcome[]>
  /** The topic that an event goes to, or `null` when that cannot be said (an undecodable row). */
  topicOf(event: StoredEvent): string | null
  /** Connects and checks what can be checked at start. Optional: `publish` connects as well. */
  open?(): Promise<void>
  close(): Promise<void>
}

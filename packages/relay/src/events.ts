import type { OutboxError, StoredEvent } from '@outboxkit/core'
import type { HeldEvent, HeldScope } from './source.js'

/** Where a fault happened. */
export type FaultPhase =
  | 'acquire'
  | 'open'
  | 'read'
  | 'publish'
  | 'settle'
  | 'drain'
  | 'renew'
  | 'clean'
  | 'close'

/**
 * What a relay tells its listeners. There is none called `error`: without a listener, Node's emitters throw it.
 */
export interface RelayEvents {
  /** The lease is ours. `unclean`: the owner before had not released it. */
  owner: { readonly epoch: number; readonly unclean: boolean }
  /** Somebody else owns the lease; said once per owner. */
  standby: { readonly owner: string | null; readonly epoch: number }
  /** Nothing is asked of the database until `relay.wake()`, or for so long. */
  asleep: { readonly wakeInMs: number }
  /** The broker has acknowledged these events; their rows are about to leave. `durationMs`: the whole call. */
  published: { readonly events: readonly StoredEvent[]; readonly durationMs: number }
  /** These events were moved to the held table. */
  held: { readonly events: readonly HeldEvent[] }
  /** This event was given up, by the policy `skip`. */
  skipped: { readonly event: StoredEvent; readonly error: OutboxError }
  /** A held scope is empty; its new events flow again. */
  lifted: HeldScope
  /** The source's safety sweep found events that its reads should have found. */
  late: { readonly count: number }
  /**
   * Something failed; the relay goes on by itself, after `retryInMs` where it is known. `topic`: only that one
   * fails.
   */
  fault: {
    readonly phase: FaultPhase
    readonly error: OutboxError
    readonly topic?: string
    readonly retryInMs?: number
  }
  /** The last event of a relay. `error`: it halted. */
  stopped: { readonly error?: OutboxError }
}

export type RelayEventName = keyof RelayEvents
export type RelayListener<Name extends RelayEventName> = (event: RelayEvents[Name]) => unknown

/** Calls listeners in the order in which they were added. None of them can break who emits. */
export class RelayEmitter {
  readonly #listeners = new Map<RelayEventName, Set<(event: never) => unknown>>()
  readonly #failed: () => void

  /** `failed` is called for every listener that throws or rejects. */
  constructor(failed: () => void) {
    this.#failed = failed
  }

  on<Name extends RelayEventName>(name: Name, listener: RelayListener<Name>): void {
    let listeners = this.#listeners.get(name)
    if (listeners === undefined) this.#listeners.set(name, (listeners = new Set()))
    listeners.add(listener)
  }

  off<Name extends RelayEventName>(name: Name, listener: RelayListener<Name>): void {
    this.#listeners.get(name)?.delete(listener)
  }

  emit<Name extends RelayEventName>(name: Name, event: RelayEvents[Name]): void {
    const listeners = this.#listeners.get(name) as Set<RelayListener<Name>> | undefined
    if (listeners === undefined) return
    for (const listener of listeners) {
      try {
        const result = listener(event)
        if (result instanceof Promise) result.catch(this.#failed)
      } catch {
        this.#failed()
      }
    }
  }
}

import type { StoredEvent } from '@outboxkit/core'
import type { SourceProblem } from './problem.js'

/** Proof of ownership; every statement that makes rows leave carries it. */
export interface Lease {
  /** Name of the owning relay: `host/process id/random`. */
  readonly owner: string
  /** Fencing token: one higher at every acquisition. */
  readonly epoch: number
}

/** What a look at the lease shows; a standby compares `epoch` and `renewals` between two looks. */
export interface LeaseState {
  readonly owner: string | null
  readonly epoch: number
  readonly renewals: number
  /** By the database's clock. */
  readonly expired: boolean
}

/** What a relay says about itself to whoever looks at the table. */
export interface OwnerError {
  /** `CODE: message`, at most 1,000 characters. Never a secret. */
  readonly text: string
  /** How long ago that was, in ms. */
  readonly ageMs: number
}

/**
 * The lease of one outbox table, kept in `<outbox>_lease`. Statements only; when to acquire, renew and give up
 * is decided in `lease.ts`.
 */
export interface LeaseStore {
  look(): Promise<LeaseState>
  /**
   * Takes the lease when nobody owns it, when it has expired by the database's clock, or - `unchangedSince`
   * given - when epoch and renewals are still what that earlier look showed. `undefined`: somebody else has it.
   */
  acquire(request: {
    owner: string
    termMs: number
    unchangedSince?: Pick<LeaseState, 'epoch' | 'renewals'> | undefined
  }): Promise<{ lease: Lease; unclean: boolean } | undefined>
  /** False: the lease is lost. Without `error`, what is stored of an earlier one stays. */
  renew(lease: Lease, termMs: number, error?: OwnerError): Promise<boolean>
  /** Empties the owner, if it is still ours, so that a standby can take over at once. `error`: as in `renew`. */
  release(lease: Lease, error?: OwnerError): Promise<void>
  close(): Promise<void>
}

/** Events in position order. */
export interface Batch {
  readonly events: readonly StoredEvent[]
  /** More rows were there than the bounds let through: read again at once. */
  readonly truncated: boolean
  /** Who answered: changes when the server restarts, fails over or is another one. */
  readonly fingerprint: string
  /** How many of the events only the safety sweep found: each one is a broken proof. Default 0. */
  readonly late?: number
}

export type HeldKind = 'key' | 'topic' | 'time'

/** What waits together: all events of a key, or of a topic. */
export interface HeldScope {
  readonly kind: HeldKind
  readonly scope: string
}

export interface HeldEvent extends HeldScope {
  readonly event: StoredEvent
  /** Stable code of the reason, e.g. `OUTBOX_PUBLISH_REJECTED`. */
  readonly code: string
  /** For people. Never a secret. */
  readonly reason: string
  readonly attempts: number
}

/** What leaves the outbox table, in one transaction that has locked the lease row. */
export interface Settlement {
  /** Published: the rows are deleted, or move to the archive. */
  readonly done: readonly StoredEvent[]
  /** Given up by policy: they leave in the same way, but are never replayed. Default: none. */
  readonly skipped?: readonly StoredEvent[] | undefined
  /** Moved to the held table. */
  readonly held: readonly HeldEvent[]
}

/** What leaves a held scope, or stays in another one, in one transaction that has locked the lease row. */
export interface HeldSettlement {
  /** Published: the rows are deleted, or move to the archive. */
  readonly done: readonly StoredEvent[]
  /** Given up by policy, and because a person asked for it: they leave in the same way, but are never replayed. */
  readonly skipped?: readonly StoredEvent[] | undefined
  readonly discarded?: readonly StoredEvent[] | undefined
  /**
   * Rows of the scope, by position, that stay in the held table but get the scope, code, reason and attempts given
   * here, and lose their request. Their new scope may be the one they had. Where `request` is given - what had been
   * asked when the row was read - only that is taken away: what has been asked since then stays.
   */
  readonly parked?: readonly ParkedEvent[] | undefined
}

export type ParkedEvent = HeldEvent & { readonly request?: HeldRow['request'] | undefined }

/** For statements: what is taken away, `nothing` where nothing had been asked. */
export function askedOf({ request }: ParkedEvent): 'anything' | 'nothing' | 'retry' | 'discard' {
  return request === undefined ? 'anything' : (request ?? 'nothing')
}

/** A row of the held table as the owner reads it while draining. */
export interface HeldRow extends HeldEvent {
  readonly request: 'retry' | 'discard' | null
}

/**
 * Reads one outbox table for one owner at a time. Not its job: deciding what happens to an event, retrying,
 * waiting between polls, renewing the lease.
 *
 * After any error thrown by `read` or `settle`, or a changed fingerprint, the caller drops everything, calls
 * `close()` and later `open()` again: what a source keeps in memory is rebuilt from the table.
 */
export interface Source {
  /** For logs and health: which database, which table. Never a secret. */
  readonly name: string
  /** Positions that reads have skipped and that an open transaction may still bring. Default: not known. */
  readonly openPositions?: number | undefined
  /** What has to be added to `Date.now()` to get the database's time, measured when it was opened. Default 0. */
  readonly clockOffsetMs?: number | undefined
  readonly leases: LeaseStore
  /** Connects and checks that the table can be read in order. Throws `OUTBOX_SOURCE_UNSUPPORTED` if not. */
  open(lease: Lease): Promise<void>
  /**
   * Looks at server and tables as `open` does, and says everything that `open` would refuse or warn of, and more.
   * Needs no lease and writes nothing. Throws `OUTBOX_SOURCE_FAILED` when the database does not answer. Optional:
   * for `outboxkit doctor`.
   */
  inspect?(): Promise<readonly SourceProblem[]>
  /**
   * The next events, none of which was returned before by this opened source and none of which lies before an
   * unread event of the same key. Returns at once; an empty batch means: nothing new now.
   */
  read(signal: AbortSignal): Promise<Batch>
  /** Throws `OUTBOX_LEASE_LOST` when the lease is not ours any more; then nothing has changed. */
  settle(settlement: Settlement): Promise<void>
  /** Scopes that have held rows. */
  heldScopes(): Promise<readonly HeldScope[]>
  /** The first rows of a held scope, in position order. */
  readHeld(scope: HeldScope, limit: number): Promise<readonly HeldRow[]>
  /** The scopes whose rows a person has asked to retry or to discard. */
  requestedScopes(): Promise<readonly HeldScope[]>
  /**
   * Takes rows out of a held scope, under the lease. Returns true when the scope has no rows left, found in the same
   * transaction: only then may new events of the scope be published directly.
   */
  settleHeld(scope: HeldScope, settlement: HeldSettlement): Promise<boolean>
  /**
   * Deletes at most one bounded step of what has passed its retention in the archive, under the lease; true: there
   * may be more. Never touches what is not published. Without it nothing is ever pruned.
   */
  prune?: (() => Promise<boolean>) | undefined
  /** Rows in the outbox (at most `atMost` are counted) and the age of the oldest in ms, by the database's clock. */
  backlog(atMost: number): Promise<{ rows: number; oldestAgeMs: number | null }>
  close(): Promise<void>
}

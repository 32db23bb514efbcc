import { randomUUID } from 'node:crypto'
import { OutboxError, sizeOf, type StoredEvent } from '@outboxkit/core'
import type {
  ArchiveOutcome,
  Batch,
  HeldRow,
  HeldScope,
  HeldSettlement,
  Lease,
  LeaseStore,
  Source,
} from '@outboxkit/relay'

/** Everything that a source in memory can be asked to do; a test can let any of it fail or wait. */
export type MemoryOperation =
  | 'look'
  | 'acquire'
  | 'renew'
  | 'release'
  | 'open'
  | 'read'
  | 'settle'
  | 'heldScopes'
  | 'readHeld'
  | 'requestedScopes'
  | 'settleHeld'

export interface MemoryOutboxOptions {
  /** The "database's" clock in ms. Default `Date.now`. */
  readonly now?: () => number
  /** Keeps what leaves, as `cleanup: 'archive'` does. Default false. */
  readonly archive?: boolean
}

/** The tables of one outbox, in memory; several sources can share them as several relays share a database. */
export class MemoryOutbox {
  readonly rows = new Map<number, StoredEvent>()
  readonly held = new Map<number, HeldRow>()
  /** What has left, and why; only with the option `archive`. */
  readonly archive: { readonly event: StoredEvent; readonly outcome: ArchiveOutcome }[] = []
  readonly lease = {
    owner: null as string | null,
    epoch: 0,
    renewals: 0,
    expiresAt: -Infinity,
    lastError: undefined as string | undefined,
  }
  /** What the server says it is. Change it to simulate a restart or a failover. */
  fingerprint = 'memory-1'
  readonly now: () => number
  readonly #keeps: boolean
  #position = 0

  constructor(options: MemoryOutboxOptions = {}) {
    this.now = options.now ?? Date.now
    this.#keeps = options.archive ?? false
  }

  /** Adds a committed row. */
  insert(event: Partial<StoredEvent> = {}): StoredEvent {
    const position = event.position ?? ++this.#position
    this.#position = Math.max(this.#position, position)
    const row: StoredEvent = {
      id: randomUUID(),
      aggregateType: 'order',
      aggregateId: String(position),
      type: 'order.placed',
      payload: '{}',
      headers: null,
      topic: null,
      createdAt: new Date(this.now()).toISOString(),
      ...event,
      position,
    }
    this.rows.set(position, row)
    return row
  }

  /** Takes rows out of a table, for good. */
  depart(from: Map<number, unknown>, events: readonly StoredEvent[], outcome: ArchiveOutcome): void {
    for (const event of events)
      if (from.delete(event.position) && this.#keeps) this.archive.push({ event, outcome })
  }

  /** What a person asks for with the commands for dead letters. */
  request(position: number, request: 'retry' | 'discard'): void {
    const row = this.held.get(position)
    if (row !== undefined) this.held.set(position, { ...row, request })
  }
}

export interface MemorySourceOptions {
  /** Events per batch. Default 500. */
  readonly batchEvents?: number
  /** Bytes per batch; one event may go past it. Default 1 MiB. */
  readonly batchBytes?: number
  /**
   * Called before and after each operation takes effect; may throw or wait. Throwing `after` is a lost reply.
   */
  readonly intercept?: (operation: MemoryOperation, moment: 'before' | 'after') => void | Promise<void>
}

/** A {@link Source} over a {@link MemoryOutbox}. */
export function memorySource(outbox: MemoryOutbox, options: MemorySourceOptions = {}): Source {
  return new MemorySource(outbox, options)
}

type Act = <T>(operation: MemoryOperation, effect: () => T) => Promise<T>

class MemorySource implements Source {
  readonly name = 'memory'
  readonly leases: LeaseStore
  readonly #outbox: MemoryOutbox
  readonly #options: MemorySourceOptions
  readonly #act: Act
  #lease: Lease | undefined
  #high = 0

  constructor(outbox: MemoryOutbox, options: MemorySourceOptions) {
    this.#outbox = outbox
    this.#options = options
    this.#act = async (operation, effect) => {
      await options.intercept?.(operation, 'before')
      const result = effect()
      await options.intercept?.(operation, 'after')
      return result
    }
    this.leases = memoryLeases(outbox, this.#act)
  }

  get clockOffsetMs(): number {
    return this.#outbox.now() - Date.now()
  }

  open(lease: Lease): Promise<void> {
    return this.#act('open', () => {
      if (this.#lease !== undefined) throw new Error('open() twice without close()')
      this.#lease = lease
      this.#high = 0
    })
  }

  read(_signal: AbortSignal): Promise<Batch> {
    return this.#act('read', () => {
      this.#assertOpen()
      const limit = this.#options.batchEvents ?? 500
      const maxBytes = this.#options.batchBytes ?? 1024 * 1024
      const events: StoredEvent[] = []
      let bytes = 0
      const fresh = [...this.#outbox.rows.values()]
        .filter(({ position }) => position > this.#high)
        .toSorted((a, b) => a.position - b.position)
      for (const row of fresh) {
        if (events.length >= limit || bytes >= maxBytes) break
        events.push(row)
        bytes += sizeOf(row)
        this.#high = row.position
      }
      return { events, truncated: events.length < fresh.length, fingerprint: this.#outbox.fingerprint }
    })
  }

  settle({ done, skipped = [], held }: Parameters<Source['settle']>[0]): Promise<void> {
    return this.#act('settle', () => {
      this.#assertOwner()
      this.#outbox.depart(this.#outbox.rows, done, 'published')
      this.#outbox.depart(this.#outbox.rows, skipped, 'skipped')
      for (const row of held) {
        this.#outbox.rows.delete(row.event.position)
        if (!this.#outbox.held.has(row.event.position))
          this.#outbox.held.set(row.event.position, { ...row, request: null })
      }
    })
  }

  heldScopes(): Promise<readonly HeldScope[]> {
    return this.#act('heldScopes', () => distinctScopes([...this.#outbox.held.values()]))
  }

  readHeld(scope: HeldScope, limit: number): Promise<readonly HeldRow[]> {
    return this.#act('readHeld', () => this.#rowsOf(scope).slice(0, limit))
  }

  requestedScopes(): Promise<readonly HeldScope[]> {
    return this.#act('requestedScopes', () =>
      distinctScopes([...this.#outbox.held.values()].filter(({ request }) => request !== null)),
    )
  }

  settleHeld(scope: HeldScope, settlement: HeldSettlement): Promise<boolean> {
    const { done, skipped = [], discarded = [], parked = [] } = settlement
    return this.#act('settleHeld', () => {
      this.#assertOwner()
      this.#outbox.depart(this.#outbox.held, done, 'published')
      this.#outbox.depart(this.#outbox.held, skipped, 'skipped')
      this.#outbox.depart(this.#outbox.held, discarded, 'discarded')
      for (const row of parked) {
        const asked = this.#outbox.held.get(row.event.position)?.request ?? null
        const isNew = row.request !== undefined && row.request !== asked
        this.#outbox.held.set(row.event.position, { ...row, request: isNew ? asked : null })
      }
      return this.#rowsOf(scope).length === 0
    })
  }

  backlog(atMost: number): Promise<{ rows: number; oldestAgeMs: number | null }> {
    const { rows, now } = this.#outbox
    const oldest = Math.min(...[...rows.values()].map(({ createdAt }) => Date.parse(createdAt)))
    return Promise.resolve({
      rows: Math.min(atMost, rows.size),
      oldestAgeMs: rows.size === 0 ? null : now() - oldest,
    })
  }

  close(): Promise<void> {
    this.#lease = undefined
    return Promise.resolve()
  }

  #rowsOf({ kind, scope }: HeldScope): readonly HeldRow[] {
    return [...this.#outbox.held.values()]
      .filter((row) => row.kind === kind && row.scope === scope)
      .toSorted((a, b) => a.event.position - b.event.position)
  }

  #assertOpen(): void {
    if (this.#lease === undefined) throw new OutboxError('OUTBOX_SOURCE_FAILED', 'The source is not open.')
  }

  #assertOwner(): void {
    this.#assertOpen()
    if (this.#lease?.epoch !== this.#outbox.lease.epoch || this.#outbox.lease.owner !== this.#lease.owner)
      throw new OutboxError('OUTBOX_LEASE_LOST', 'The lease is not ours any more.')
  }
}

function memoryLeases({ lease: row, now }: MemoryOutbox, act: Act): LeaseStore {
  const isOurs = (lease: Lease): boolean => row.epoch === lease.epoch && row.owner === lease.owner
  return {
    look: () =>
      act('look', () => ({
        owner: row.owner,
        epoch: row.epoch,
        renewals: row.renewals,
        expired: row.expiresAt <= now(),
      })),
    acquire: ({ owner, termMs, unchangedSince }) =>
      act('acquire', () => {
        const unchanged = unchangedSince?.epoch === row.epoch && unchangedSince.renewals === row.renewals
        if (row.owner !== null && row.expiresAt > now() && !unchanged) return undefined
        const unclean = row.owner !== null
        row.owner = owner
        row.epoch++
        row.expiresAt = now() + termMs
        return { lease: { owner, epoch: row.epoch }, unclean }
      }),
    renew: (lease, termMs, error) =>
      act('renew', () => {
        if (!isOurs(lease)) return false
        row.lastError = error?.text ?? row.lastError
        row.renewals++
        row.expiresAt = now() + termMs
        return true
      }),
    release: (lease, error) =>
      act('release', () => {
        if (!isOurs(lease)) return
        row.owner = null
        row.lastError = error?.text ?? row.lastError
      }),
    close: () => Promise.resolve(),
  }
}

function distinctScopes(rows: readonly HeldScope[]): readonly HeldScope[] {
  const scopes = new Map(rows.map(({ kind, scope }) => [`${kind}:${scope}`, { kind, scope }]))
  return [...scopes.values()]
}

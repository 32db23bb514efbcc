/**
 * What a run leaves behind, as plain data. The checker knows nothing of Outboxkit: a history comes from the
 * ledger (read with plain SQL), the workload's own notes, and the topic (read with a client that the relay's code
 * does not touch).
 */

/** One committed event: a row of the append-only ledger, written under the lock of the aggregate's row. */
export interface LedgerRow {
  readonly eventId: string
  readonly orm: string
  readonly aggregateType: string
  readonly aggregateId: string
  /** 1, 2, 3 … per aggregate, in the order in which transactions held its row lock. */
  readonly seq: number
  readonly type: string
  /** The payload as the application wrote it: JSON text. */
  readonly payload: string
  readonly headers: Readonly<Record<string, string>>
  /** The event's own topic, if it named one. */
  readonly topic: string | null
  /** What a trigger saw entering the outbox in the same transaction; `null`: nothing entered it. */
  readonly stored: { readonly position: number; readonly createdAt: string } | null
}

export type AttemptOutcome = 'ok' | 'fail' | 'unknown'

/** One transaction as its caller saw it. */
export interface Attempt {
  readonly attempt: string
  readonly orm: string
  readonly seed: number
  readonly outcome: AttemptOutcome
  /** Ids that commit with the transaction. */
  readonly events: readonly string[]
  /** Ids emitted under a savepoint that was rolled back: they must never commit. */
  readonly abandoned: readonly string[]
  readonly error?: string
}

/** A message as it lies on the topic. */
export interface Message {
  readonly topic: string
  readonly partition: number
  readonly offset: number
  readonly key: Buffer | null
  readonly value: Buffer | null
  readonly headers: readonly (readonly [name: string, value: Buffer | null])[]
}

export interface FaultRecord {
  readonly fault: string
  readonly seed: number
  /** A planned fault that never happened proves nothing. */
  readonly fired: boolean
  readonly atMs?: number
}

/** A row that was still in one of the relay's tables after healing. */
export interface LeftRow {
  readonly eventId: string
  readonly where: 'outbox' | 'held'
}

export interface History {
  readonly ledger: readonly LedgerRow[]
  readonly attempts: readonly Attempt[]
  readonly messages: readonly Message[]
  readonly left: readonly LeftRow[]
  readonly faults: readonly FaultRecord[]
  /** Partition count by topic. */
  readonly partitions: Readonly<Record<string, number>>
}

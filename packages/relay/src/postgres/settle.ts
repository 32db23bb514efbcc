import { OutboxError, type OutboxTable, type StoredEvent } from '@outboxkit/core'
import type { HeldEvent, HeldScope, Lease, Settlement } from '../source.js'
import type { Connection, RawRow, Statement } from './connection.js'
import { deleteEvents, deleteHeld, hasHeld, holdEvents, lockLease, parkHeld } from './settle-statements.js'

/** Rows in one statement. Larger settlements are several statements in one transaction. */
const maxDeleted = 10_000
const maxHeld = 1_000

/** Makes rows leave the outbox, all or none. Throws `OUTBOX_LEASE_LOST` and changes nothing. */
export async function settleEvents(
  connection: Connection,
  table: OutboxTable,
  lease: Lease,
  { done, held }: Settlement,
): Promise<void> {
  const statements = [
    ...chunk(done, maxDeleted).map((events) => deleteEvents(table, lease, events)),
    ...chunk(held, maxHeld).map((events) => holdEvents(table, lease, events)),
  ]
  const [only = lockLease(table, lease)] = statements
  if (statements.length <= 1) {
    requireLease(await connection.query(only))
    return
  }
  await connection.transaction(async (run) => {
    for (const statement of statements) requireLease(await run(statement))
  })
}

/** Makes held rows leave or change their scope; true when the scope has none left. */
export function settleHeldRows(
  connection: Connection,
  table: OutboxTable,
  lease: Lease,
  scope: HeldScope,
  done: readonly StoredEvent[],
  parked: readonly HeldEvent[],
): Promise<boolean> {
  return connection.transaction(async (run) => {
    // A statement of its own: only the next one's snapshot shows what another owner has moved here until now.
    requireLease(await run(lockLease(table, lease)))
    const statements: Statement[] = [
      ...chunk(done, maxDeleted).map((events) => deleteHeld(table, scope, positionsOf(events))),
      ...chunk(parked, maxHeld).map((events) => parkHeld(table, scope, events)),
    ]
    for (const statement of statements) await run(statement)
    return (await run(hasHeld(table, scope)))[0]?.[0] === 'false'
  })
}

function requireLease(rows: readonly RawRow[]): void {
  if (rows.length > 0) return
  throw new OutboxError(
    'OUTBOX_LEASE_LOST',
    'The lease is lost: another relay has taken it over. Nothing was changed.',
  )
}

function positionsOf(events: readonly StoredEvent[]): number[] {
  return events.map(({ position }) => position)
}

function chunk<T>(items: readonly T[], size: number): T[][] {
  const chunks: T[][] = []
  for (let from = 0; from < items.length; from += size) chunks.push(items.slice(from, from + size))
  return chunks
}

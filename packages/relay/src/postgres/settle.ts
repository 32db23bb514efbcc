import { OutboxError, type OutboxTable, type StoredEvent } from '@outboxkit/core'
import { departuresOf, pruneLimit, type Cleanup } from '../archive.js'
import type { HeldScope, HeldSettlement, Lease, Settlement } from '../source.js'
import { archiveEvents, archiveHeld, pruneArchive } from './archive-statements.js'
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
  settlement: Settlement,
  cleanup: Cleanup,
): Promise<void> {
  const statements = [
    ...departuresOf(settlement).flatMap(({ outcome, events: leaving }) =>
      chunk(leaving, maxDeleted).map((events) =>
        cleanup === 'archive'
          ? archiveEvents(table, lease, events, outcome)
          : deleteEvents(table, lease, events),
      ),
    ),
    ...chunk(settlement.held, maxHeld).map((events) => holdEvents(table, lease, events)),
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
  settlement: HeldSettlement,
  cleanup: Cleanup,
): Promise<boolean> {
  return connection.transaction(async (run) => {
    // A statement of its own: only the next one's snapshot shows what another owner has moved here until now.
    requireLease(await run(lockLease(table, lease)))
    const statements: Statement[] = [
      ...departuresOf(settlement).flatMap(({ outcome, events: leaving }) =>
        chunk(positionsOf(leaving), maxDeleted).map((positions) =>
          cleanup === 'archive'
            ? archiveHeld(table, scope, positions, outcome)
            : deleteHeld(table, scope, positions),
        ),
      ),
      ...chunk(settlement.parked ?? [], maxHeld).map((events) => parkHeld(table, scope, events)),
    ]
    for (const statement of statements) await run(statement)
    return (await run(hasHeld(table, scope)))[0]?.[0] === 'false'
  })
}

/** Deletes one step of what has passed its retention in the archive; true: there may be more. */
export async function pruneStep(
  connection: Connection,
  table: OutboxTable,
  lease: Lease,
  retentionMs: number,
): Promise<boolean> {
  const rows = await connection.query(pruneArchive(table, lease, retentionMs, pruneLimit))
  requireLease(rows)
  return Number(rows[0]?.[0]) === pruneLimit
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

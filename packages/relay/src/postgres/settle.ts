import type { OutboxTable } from '@outboxkit/core'
import { departuresOf, pruneLimit, type Cleanup } from '../archive.js'
import { chunk, positionsOf, requireLease } from '../settling.js'
import type { HeldScope, HeldSettlement, Lease, Settlement } from '../source.js'
import { archiveEvents, archiveHeld, pruneArchive } from './archive-statements.js'
import type { Connection, Statement } from './connection.js'
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

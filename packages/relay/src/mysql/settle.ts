import { isOutboxError, type OutboxTable } from '@outboxkit/core'
import { departuresOf, pruneLimit, type Cleanup } from '../archive.js'
import { chunk, positionsOf, requireLease } from '../settling.js'
import type { HeldEvent, HeldScope, HeldSettlement, Lease, Settlement } from '../source.js'
import { copyHeldToArchive, copyToArchive, pruneArchive } from './archive-statements.js'
import type { Connection, Run } from './connection.js'
import { errno } from './errors.js'
import {
  copyToHeld,
  deleteEvents,
  deleteHeld,
  deleteHeldEvents,
  hasHeld,
  lockLease,
  parkHeld,
} from './settle-statements.js'

/** Rows in one statement: a position and an id are about 60 bytes of a packet. */
const maxDeleted = 5_000
/** Rows with their reasons. */
const maxHeld = 500
const maxTries = 5

/** Makes rows leave the outbox, all or none. Throws `OUTBOX_LEASE_LOST` and changes nothing. */
export async function settleEvents(
  connection: Connection,
  table: OutboxTable,
  lease: Lease,
  settlement: Settlement,
  cleanup: Cleanup,
): Promise<void> {
  const { done, skipped = [], held } = settlement
  const isDeleting = cleanup === 'delete'
  // The usual case in one statement: what it has deleted, it has deleted under the fence.
  if (
    isDeleting &&
    held.length === 0 &&
    skipped.length === 0 &&
    done.length > 0 &&
    done.length <= maxDeleted
  ) {
    const { affected } = await retried(() => connection.query(deleteEvents(table, lease, done)))
    if (affected > 0) return
  }
  await retried(() =>
    connection.transaction(async (run) => {
      requireLease((await run(lockLease(table, lease))).rows)
      for (const { outcome, events: leaving } of departuresOf(settlement))
        for (const events of chunk(leaving, maxDeleted)) {
          if (!isDeleting) await run(copyToArchive(table, events, outcome))
          await run(deleteEvents(table, lease, events))
        }
      for (const events of chunk(held, maxHeld)) await hold(run, table, events)
    }),
  )
}

async function hold(run: Run, table: OutboxTable, held: readonly HeldEvent[]): Promise<void> {
  await run(copyToHeld(table, held))
  await run(deleteHeldEvents(table, held))
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
  return retried(() =>
    connection.transaction(async (run) => {
      requireLease((await run(lockLease(table, lease))).rows)
      for (const { outcome, events: leaving } of departuresOf(settlement))
        for (const positions of chunk(positionsOf(leaving), maxDeleted)) {
          if (cleanup === 'archive') await run(copyHeldToArchive(table, scope, positions, outcome))
          await run(deleteHeld(table, scope, positions))
        }
      for (const events of chunk(settlement.parked ?? [], maxHeld)) await run(parkHeld(table, scope, events))
      return (await run(hasHeld(table, scope))).rows.length === 0
    }),
  )
}

/** Deletes one step of what has passed its retention in the archive; true: there may be more. */
export function pruneStep(
  connection: Connection,
  table: OutboxTable,
  lease: Lease,
  retentionMs: number,
): Promise<boolean> {
  return retried(() =>
    connection.transaction(async (run) => {
      requireLease((await run(lockLease(table, lease))).rows)
      return (await run(pruneArchive(table, retentionMs, pruneLimit))).affected === pruneLimit
    }),
  )
}

/** A deadlock has rolled everything back: the same once more. */
async function retried<T>(body: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await body()
    } catch (error) {
      const isDeadlock = isOutboxError(error) && error.details['errno'] === errno.deadlock
      if (!isDeadlock || attempt === maxTries) throw error
    }
  }
}

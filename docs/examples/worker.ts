import type { withOutbox } from '@outboxkit/knex'
import {
  createRelay,
  outboxMetrics,
  prometheusText,
  type Publisher,
  type Relay,
  type Source,
} from '@outboxkit/relay'

type Db = ReturnType<typeof withOutbox>

// #region wake-in-process
export async function placeOrder(db: Db, relay: Relay, id: string): Promise<void> {
  await db.transaction(async (trx) => {
    await trx.emit({ aggregateType: 'order', aggregateId: id, type: 'order.placed', payload: { id } })
    // Runs after the commit, and never after a rollback.
    trx.afterCommit(() => relay.wake())
  })
}
// #endregion

// #region wake-worker
export async function placeOrderRemotely(db: Db, worker: string, id: string): Promise<void> {
  await db.transaction(async (trx) => {
    await trx.emit({ aggregateType: 'order', aggregateId: id, type: 'order.placed', payload: { id } })
    // Not awaited, and allowed to fail: a sleeping worker looks by itself now and then (idle.wakeEveryMs).
    trx.afterCommit(() => void fetch(`${worker}/wake`, { method: 'POST' }).catch(() => undefined))
  })
}
// #endregion

// #region serverless
/** Called by a schedule, or by a queue after each commit. */
export async function publishOnce(source: Source, publisher: Publisher): Promise<number> {
  await using relay = createRelay({ source, publisher })
  const { published } = await relay.drain({ deadlineMs: 20_000 })
  return published
}
// #endregion

// #region metrics
/** The page that Prometheus reads, in an application without our worker. */
export async function metricsPage(db: Db): Promise<string> {
  return prometheusText(await outboxMetrics(db))
}
// #endregion

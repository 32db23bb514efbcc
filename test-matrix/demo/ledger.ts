import type { LedgerRow } from '../checker/index.js'
import { databases, query, type DatabaseName } from './databases.js'

/**
 * The applications know nothing of being counted: triggers write down, in their transactions, each change of
 * an order and each row that enters the outbox.
 */
export async function createLedger(database: DatabaseName, url: string): Promise<void> {
  await query(url, ...databases[database].ledgerSql)
}

interface ChangeRow {
  account_id: string
  version: number
  order_id: string
  status: 'placed' | 'cancelled'
  total: number
  channel: string
}

interface CopyRow {
  id: string
  position: string | number
  payload: string
  created_at: string
}

/** One row per committed change, with what its event must look like on the topic. */
export async function readChanges(database: DatabaseName, url: string): Promise<LedgerRow[]> {
  const changes = await query<ChangeRow>(url, 'select * from demo_changes order by account_id, version')
  const copies = new Map<string, CopyRow>()
  for (const copy of await query<CopyRow>(url, databases[database].selectCopiesSql)) {
    const { orderId, version } = JSON.parse(copy.payload) as { orderId: string; version: number }
    copies.set(`${orderId} ${version}`, copy)
  }
  return changes.map((row) => {
    const copy = copies.get(`${row.order_id} ${row.version}`)
    return {
      eventId: copy?.id ?? `no-event-${row.account_id}-${row.version}`,
      orm: row.channel,
      aggregateType: 'account',
      aggregateId: row.account_id,
      seq: row.version,
      type: `order.${row.status}`,
      payload: JSON.stringify(
        row.status === 'placed'
          ? { orderId: row.order_id, version: row.version, total: row.total, channel: row.channel }
          : { orderId: row.order_id, version: row.version, channel: row.channel },
      ),
      headers: {},
      topic: null,
      stored: copy === undefined ? null : { position: Number(copy.position), createdAt: copy.created_at },
    }
  })
}

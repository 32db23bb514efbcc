import { setTimeout as sleep } from 'node:timers/promises'
import { ledgerOn, type LedgerTableRow } from './databases/index.js'
import type { LedgerRow, LeftRow } from './history.js'
import type { LedgerPlace } from './ledger.js'

/** Reads the committed events, from the primary, with plain SQL. */
export async function readLedger(url: string, place: LedgerPlace): Promise<LedgerRow[]> {
  const rows = await query<LedgerTableRow>(url, ledgerOn(url).selectLedgerSql(place))
  return rows.map((row) => ({
    eventId: row.event_id,
    orm: row.orm,
    aggregateType: row.aggregate_type,
    aggregateId: row.aggregate_id,
    seq: Number(row.seq),
    type: row.type,
    payload: row.payload,
    headers: JSON.parse(row.headers) as Record<string, string>,
    topic: row.topic,
    stored:
      row.position === null || row.created_at === null
        ? null
        : { position: Number(row.position), createdAt: row.created_at },
  }))
}

/** What is still in the relay's tables. */
export function readLeft(url: string, place: LedgerPlace): Promise<LeftRow[]> {
  return query<LeftRow>(url, ledgerOn(url).selectLeftSql(place))
}

/** Waits until both tables are empty. False: they still are not after `deadlineMs`, which the checker will say. */
export async function waitUntilDrained(
  url: string,
  place: LedgerPlace,
  deadlineMs: number,
): Promise<boolean> {
  const deadline = performance.now() + deadlineMs
  for (;;) {
    if ((await readLeft(url, place)).length === 0) return true
    if (performance.now() > deadline) return false
    await sleep(200)
  }
}

async function query<Row extends object>(url: string, text: string): Promise<Row[]> {
  const connection = await ledgerOn(url).connect(url, 'checker')
  try {
    return await connection.query<Row>(text)
  } finally {
    await connection.end()
  }
}

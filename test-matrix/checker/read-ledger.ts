import { setTimeout as sleep } from 'node:timers/promises'
import { Client } from 'pg'
import type { LedgerRow, LeftRow } from './history.js'
import { copyTable, ledgerTable, type LedgerPlace } from './ledger.js'
import { quoteIdentifier } from './sql.js'

interface Row {
  event_id: string
  orm: string
  aggregate_type: string
  aggregate_id: string
  seq: string
  type: string
  payload: string
  headers: string
  topic: string | null
  position: string | null
  created_at: string | null
}

/** Reads the committed events, from the primary, with plain SQL. */
export async function readLedger(url: string, place: LedgerPlace): Promise<LedgerRow[]> {
  const schema = quoteIdentifier(place.schema)
  const { rows } = await query<Row>(
    url,
    `select l.*, c.position,
       to_char(c.created_at at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as created_at
     from ${schema}.${ledgerTable} l left join ${schema}.${copyTable} c on c.id = l.event_id
     order by l.aggregate_id, l.seq`,
  )
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
export async function readLeft(url: string, place: LedgerPlace): Promise<LeftRow[]> {
  const schema = quoteIdentifier(place.schema)
  const { rows } = await query<{ id: string; place: LeftRow['where'] }>(
    url,
    `select id, 'outbox' as place from ${schema}.${quoteIdentifier(place.outbox)}
     union all select id, 'held' from ${schema}.${quoteIdentifier(`${place.outbox}_held`)}`,
  )
  return rows.map((row) => ({ eventId: row.id, where: row.place }))
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

async function query<R extends object>(url: string, text: string): Promise<{ rows: R[] }> {
  const client = new Client({ connectionString: url, application_name: 'checker' })
  await client.connect()
  try {
    return await client.query<R>(text)
  } finally {
    await client.end()
  }
}

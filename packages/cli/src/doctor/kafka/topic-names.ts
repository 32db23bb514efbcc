import { qualifiedName, type StoredEvent } from '@outboxkit/core'
import type { ResolvedOutbox } from '../../config/resolved.js'
import type { Database, Row } from '../../database/database.js'

/** Only so many of the rows that wait are looked at, from the first on. */
const rowsLookedAt = 10_000
const mostTopics = 200

/** The topics that are known now: of events that wait, of topics that are held, and a template without placeholders. */
export async function readTopicNames(database: Database, outbox: ResolvedOutbox): Promise<readonly string[]> {
  const { kafka, table } = outbox
  if (kafka === undefined) return []
  const names = new Set<string>()
  if (!/[{}]/.test(kafka.topicTemplate)) names.add(kafka.topicTemplate)
  for (const row of await database.query(
    `select distinct scope from ${qualifiedName(table, database.dialect, 'held')} where scope_kind = 'topic' limit ${mostTopics}`,
  ))
    names.add(String(row['scope']))
  for (const event of await readSamples(database, outbox)) {
    const topic = topicOf(kafka.topicOf, event)
    if (topic !== null) names.add(topic)
  }
  return [...names].slice(0, mostTopics).sort()
}

/** One event of each kind that waits. */
async function readSamples({ query, dialect }: Database, { table }: ResolvedOutbox): Promise<StoredEvent[]> {
  const name = qualifiedName(table, dialect)
  const rows = await query(
    `select * from ${name} where position in (select position from (select min(position) as position
      from (select position, aggregatetype, type, topic from ${name} order by position limit ${rowsLookedAt}) waiting
      group by aggregatetype, type, topic limit ${mostTopics}) samples)`,
  )
  return rows.map(toEvent)
}

function toEvent(row: Row): StoredEvent {
  const text = (column: string): string | null => (row[column] == null ? null : textOf(row[column]))
  const payload = row['payload']
  return {
    position: Number(row['position']),
    id: text('id') ?? '',
    aggregateType: text('aggregatetype') ?? '',
    aggregateId: text('aggregateid'),
    type: text('type') ?? '',
    payload: payload instanceof Uint8Array ? payload : text('payload'),
    headers: text('headers'),
    topic: text('topic'),
    createdAt: text('created_at') ?? '',
  }
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : Buffer.isBuffer(value) ? value.toString() : JSON.stringify(value)
}

/** What cannot be routed has no topic; it will be rejected by itself. */
function topicOf(route: (event: StoredEvent) => string | null, event: StoredEvent): string | null {
  try {
    return route(event)
  } catch {
    return null
  }
}

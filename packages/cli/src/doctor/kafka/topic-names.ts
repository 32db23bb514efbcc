import { qualifiedName, type StoredEvent } from '@outboxkit/core'
import type { ResolvedOutbox } from '../../config/resolved.js'
import type { Database } from '../../database/database.js'
import { toEvent } from '../../dev/row.js'

/** Only so many of the rows that wait are looked at, from the first on. */
const rowsLookedAt = 10_000
const mostTopics = 200

/** The topics that are known now: of events that wait, of topics that are held, and a template without placeholders. */
export async function readTopicNames(database: Database, outbox: ResolvedOutbox): Promise<readonly string[]> {
  const { kafka, table } = outbox
  if (kafka === undefined) return []
  const names = new Set<string>()
  if (kafka.topicTemplate !== '' && !/[{}]/.test(kafka.topicTemplate)) names.add(kafka.topicTemplate)
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

/** What cannot be routed has no topic; it will be rejected by itself. */
function topicOf(route: (event: StoredEvent) => string | null, event: StoredEvent): string | null {
  try {
    return route(event)
  } catch {
    return null
  }
}

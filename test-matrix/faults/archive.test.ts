import { qualifiedName, resolveTable } from '@outboxkit/core'
import { expect, test } from 'vitest'
import { openStage, seedOr, type DatabaseName } from './stage.js'

// Published events move to the archive in the transaction that takes them out of the outbox. A relay that dies before,
// in or after it must leave each event in exactly one of the two, and every archived one on the topic.
test.each<DatabaseName>(['postgres', 'mysql', 'mariadb'])(
  'kill -9 while rows are archived, on %s',
  async (on) => {
    await using stage = await openStage({ on, seed: seedOr(5), archive: true })
    const points = ['after-ack', 'during-settle', 'during-settle'] as const
    const relays = points.map((point, index) =>
      stage.relay(`${point} ${index}`, { dieAt: { point, occurrence: 12, delayMs: [0, 2, 5][index] ?? 0 } }),
    )
    await stage.write({ events: 1_500, holders: 2, holdMs: [200, 600], thinkMs: 60 }, async () => {
      await Promise.all(relays.map((relay, index) => stage.diesAt(relay, points[index]!)))
      await stage.relay('last').waitFor('owner')
    })
    const report = await stage.check({ minEmitted: 1_500 })
    expect(report.failures).toEqual([])

    const dialect = on === 'postgres' ? 'postgres' : 'mysql'
    const archive = qualifiedName(resolveTable({ schema: stage.place.schema }), dialect, 'archive')
    const [found] = await stage.query(
      `select count(*) as archived, count(distinct id) as events, sum(case when outcome = 'published' then 1 else 0 end) as published from ${archive}`,
    )
    const archived = Number(found?.['archived'])
    expect(found && [Number(found['events']), Number(found['published'])]).toEqual([archived, archived])
    expect(archived).toBe(report.total.emitted)
  },
)

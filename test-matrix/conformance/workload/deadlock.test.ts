import { createTablesSql } from '@outboxkit/core'
import { afterAll, beforeAll, describe, expect, inject, onTestFinished, test } from 'vitest'
import { ledgerOn, readLedger, readLeft, type LedgerPlace } from '../../checker/index.js'
import { freshDatabase, type FreshDatabase } from '../../services/test-context.js'
import { runPlan, type Emitted, type WorkloadClient } from '../../workload/client.js'
import { databaseAt } from '../../workload/databases/index.js'
import type { Plan, Step } from '../../workload/plan.js'
import { keyNames, prepareWorkload } from '../../workload/workload.js'

const [own = '', others = '', free = ''] = keyNames(3)

const emit = (aggregateId: string): Step => ({
  kind: 'emit',
  mode: 'each',
  events: [{ aggregateId, type: 'order.placed', note: '', headers: {}, id: null }],
})

// A deadlock rolls the whole transaction back there, savepoint or not. What a workload wrote afterwards would be
// committed statement by statement, and the checker would count what the application never asked for.
describe.each(['mysqlUrl', 'mariadbUrl'] as const)('a deadlock in a savepoint, on %s', (server) => {
  let fresh: FreshDatabase
  let place: LedgerPlace
  let clients: WorkloadClient[]

  beforeAll(async () => {
    fresh = await freshDatabase(inject(server), 'deadlock')
    place = { schema: fresh.database, outbox: 'outbox' }
    for (const statement of createTablesSql('mysql', { schema: fresh.database })) await fresh.query(statement)
    await prepareWorkload(fresh.url, place)
    clients = await databaseAt(fresh.url).clients({ databaseUrl: fresh.url, place, connections: 2 })
  })

  afterAll(async () => {
    await Promise.all(clients.map((client) => client.close()))
    await fresh.drop()
  })

  test.each(['prisma', 'drizzle', 'knex'])('ends a transaction of the workload: %s', async (orm) => {
    const client = clients.find((one) => one.orm === orm)!
    const rival = await ledgerOn(fresh.url).connect(fresh.url, 'rival')
    onTestFinished(() => rival.end())
    // It keeps no lock on rows that it passes by.
    await rival.query('set session transaction isolation level read committed')
    await rival.query('begin')
    // More than the workload's transaction has changed: that one is the victim.
    await rival.query('update aggregates set counter = counter + 1 where id not in (?, ?)', [own, free])
    const emitted: Emitted = { events: [], abandoned: [] }
    const plan: Plan = {
      seed: 1,
      commit: true,
      steps: [
        emit(own),
        { kind: 'wait', ms: 500 },
        { kind: 'savepoint', steps: [emit(others)], keep: false },
        emit(free),
      ],
    }
    const database = databaseAt(fresh.url)
    const outcome = client.transaction((tx) =>
      runPlan(tx, plan, { database, place, orm, attempt: 'a', emitted }),
    )
    outcome.catch(() => undefined)
    await expect.poll(() => emitted.events.length).toBe(1)
    await rival.query('update aggregates set counter = counter + 1 where id = ?', [own])
    await expect(outcome).rejects.toThrow(/Deadlock found|Failed query: update/)
    await rival.query('rollback')
    expect(await readLedger(fresh.url, place)).toEqual([])
    expect(await readLeft(fresh.url, place)).toEqual([])
    expect(await fresh.query('select counter from aggregates where counter > 0')).toEqual([])
    // The connection serves the next transaction.
    await client.transaction((tx) =>
      runPlan(
        tx,
        { seed: 2, commit: true, steps: [emit(others)] },
        { database, place, orm, attempt: 'b', emitted },
      ),
    )
    expect(await readLedger(fresh.url, place)).toHaveLength(1)
    await fresh.query('truncate ledger')
    await fresh.query('truncate outbox')
    await fresh.query('update aggregates set counter = 0')
  })
})

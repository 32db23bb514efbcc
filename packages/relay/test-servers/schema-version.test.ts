import { latestSchemaVersion } from '@outboxkit/core'
import { createRelay, type Relay } from '@outboxkit/relay'
import { memoryPublisher, type MemoryPublisher } from '@outboxkit/testing'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { until } from '../test/support.js'
import { insertRows, stages, type Stage } from './stages.js'

let stage: Stage
let publisher: MemoryPublisher
let relay: Relay

const setVersion = (version: number): Promise<unknown> =>
  stage.query(`update outbox_lease set schema_version = ${version}`)

describe.each(stages)('the version of the tables, on $name', ({ open }) => {
  beforeEach(async () => {
    stage = await open()
    await stage.createTables()
    await stage.query('insert into outbox_lease (id) values (1)')
    publisher = memoryPublisher()
    relay = createRelay({ source: stage.source('one'), publisher, lease: { termMs: 300 } })
  })

  afterEach(async () => {
    await relay.stop()
    await stage.drop()
  })

  const published = (): number => publisher.messages().length
  const tooNew = {
    code: 'OUTBOX_SCHEMA_VERSION',
    message: expect.stringMatching(/version 3, this relay knows version 2 .*npm install outboxkit@latest/),
    details: { found: 3, known: 2 },
  }

  test.for([latestSchemaVersion, latestSchemaVersion - 1])(
    'a relay works with version %i',
    async (version) => {
      await setVersion(version)
      await insertRows(stage, [{ key: 'a' }])
      await relay.start()
      await until(() => published() === 1)
      expect(relay.metrics()).toMatchObject({ published: 1, faults: 0 })
    },
  )

  test('a relay older than the tables publishes nothing, frees the lease and ends for good', async () => {
    await setVersion(latestSchemaVersion + 1)
    await insertRows(stage, [{ key: 'a' }])
    await expect(relay.start()).rejects.toMatchObject(tooNew)
    expect(published()).toBe(0)
    expect(await stage.query('select owner from outbox_lease')).toMatchObject([{ owner: null }])
  })

  test('a relay that runs while the tables become newer ends as well', async () => {
    const ends: unknown[] = []
    relay.on('stopped', (end) => ends.push(end))
    await insertRows(stage, [{ key: 'a' }])
    await relay.start()
    await until(() => published() === 1)
    await setVersion(latestSchemaVersion + 1)
    await until(() => ends.length === 1)
    expect(ends).toMatchObject([{ error: tooNew }])
    await insertRows(stage, [{ key: 'a' }])
    expect(published()).toBe(1)
    expect(await stage.query('select owner from outbox_lease')).toMatchObject([{ owner: null }])
  })
})

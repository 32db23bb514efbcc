/* oxlint-disable vitest/valid-title -- the titles are parameters */
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { sourceArchiveTests, withArchive } from './source-archive.js'
import { sourceHoleTests } from './source-holes.js'
import {
  opened,
  pause,
  read,
  readOnce,
  rejection,
  type CurrentTest,
  type SourceHarness,
  type SourceUnderTest,
} from './source-harness.js'
import { sourceSettleTests } from './source-settle.js'
import { sourceSoakTests } from './source-soak.js'

/**
 * What every source has to do, against a real database. Call it at the top level of a test file. The harness
 * gives fresh tables and plain connections; everything is read back through those, never through the source.
 */
export function sourceSuite(harness: SourceHarness): void {
  describe(`source: ${harness.name}`, () => {
    inTables(harness, { elsewhere: false, archive: false }, (current) => {
      sourceReadTests(current)
      sourceHoleTests(current)
      sourceSettleTests(current)
      sourceReopenTests(current)
      sourceSoakTests(current)
    })
    describe('tables in another schema, with quotes in their name', () => {
      inTables(harness, { elsewhere: true, archive: false }, (current) => {
        sourceReadTests(current)
        sourceSettleTests(current)
      })
      describe("with cleanup: 'archive'", () => {
        inTables(harness, { elsewhere: true, archive: true }, sourceArchiveTests)
      })
    })
    describe("with cleanup: 'archive'", () => {
      inTables(harness, { elsewhere: false, archive: true }, (current) => {
        sourceSettleTests(withArchive(current))
      })
    })
  })
}

function inTables(
  harness: SourceHarness,
  place: Parameters<SourceHarness['open']>[0],
  tests: (current: CurrentTest) => void,
): void {
  let test: SourceUnderTest | undefined
  beforeEach(async () => {
    test = await harness.open(place)
  })
  afterEach(async () => {
    await test?.dispose()
    test = undefined
  })
  tests(() => {
    if (test === undefined) throw new Error('The tables are made before each test.')
    return test
  })
}

const mebibyte = 1024 * 1024

function sourceReadTests(current: CurrentTest): void {
  it('reads nothing from an empty table', async () => {
    const source = await opened(current())
    expect(await source.read(new AbortController().signal)).toMatchObject({ events: [], truncated: false })
    expect(source.name).not.toBe('')
  })

  it('reads what was there before and what comes later, in position order, each once', async () => {
    const writer = await current().writer()
    const before = [await writer.insert(), await writer.insert()]
    const source = await opened(current())
    expect(await read(source)).toEqual(before)
    await writer.begin()
    const later = [await writer.insert(), await writer.insert(), await writer.insert()]
    expect(await read(source)).toEqual([])
    await writer.commit()
    expect(await read(source)).toEqual(later)
    expect(await read(source)).toEqual([])
  })

  it('returns a row as it was stored', async () => {
    const writer = await current().writer()
    const payload = '{"b":1,  "a" : 1.10, "ä": "\\u00e4 €", "big": 12345678901234567890}'
    await writer.insert({
      key: 'k€y',
      type: 'order.placed',
      payload,
      headers: '{"h": "v"}',
      topic: 'orders.v2',
    })
    const source = await opened(current())
    const [event] = await readOnce(source)
    expect(event).toEqual({
      position: expect.any(Number),
      id: expect.stringMatching(/^[0-9a-f-]{36}$/),
      aggregateType: 'order',
      aggregateId: 'k€y',
      type: 'order.placed',
      payload,
      headers: '{"h": "v"}',
      topic: 'orders.v2',
      createdAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/),
    })
    expect(Math.abs(Date.parse(event?.createdAt ?? '') - Date.now())).toBeLessThan(60_000)
  })

  it('returns what is not there as null, and headers that nobody can decode as they are', async () => {
    const writer = await current().writer()
    await writer.insert({ key: null, payload: null, headers: null, topic: null })
    await writer.insert({ headers: '[1, {"no": "headers"}]' })
    const source = await opened(current())
    expect(await readOnce(source)).toMatchObject([
      { aggregateId: null, payload: null, headers: null, topic: null },
      { headers: '[1, {"no": "headers"}]' },
    ])
  })

  it('bounds a batch in events', async () => {
    const writer = await current().writer()
    const all: number[] = []
    for (let i = 0; i < 7; i++) all.push(await writer.insert())
    const source = await opened(current(), { maxBatchEvents: 3 })
    const signal = new AbortController().signal
    const batches = [await source.read(signal), await source.read(signal), await source.read(signal)]
    expect(batches.map(({ events }) => events.length)).toEqual([3, 3, 1])
    expect(batches.map(({ truncated }) => truncated)).toEqual([true, true, false])
    expect(batches.flatMap(({ events }) => events.map(({ position }) => position))).toEqual(all)
  })

  it('bounds a batch in bytes, and always returns one event', async () => {
    const writer = await current().writer()
    const payload = JSON.stringify('x'.repeat(mebibyte))
    for (let i = 0; i < 6; i++) await writer.insert({ payload })
    const source = await opened(current(), { maxBatchBytes: 2.5 * mebibyte })
    const signal = new AbortController().signal
    const first = await source.read(signal)
    expect(first.events.length).toBe(3)
    expect(first.truncated).toBe(true)
    expect(first.events[0]?.payload).toBe(payload)
    expect((await source.read(signal)).events.length).toBe(3)
    const narrow = current().source({ maxBatchBytes: 1 })
    const lease = await source.leases.acquire({
      owner: 'narrow',
      termMs: 60_000,
      unchangedSince: await source.leases.look(),
    })
    await narrow.open(lease?.lease ?? { owner: '', epoch: 0 })
    expect((await narrow.read(signal)).events.length).toBe(1)
  })

  it('counts the backlog up to a limit, and says how old it is', async () => {
    const source = await opened(current())
    expect(await source.backlog(10)).toEqual({ rows: 0, oldestAgeMs: null })
    const writer = await current().writer()
    for (let i = 0; i < 5; i++) await writer.insert()
    await pause(20)
    const { rows, oldestAgeMs } = await source.backlog(3)
    expect(rows).toBe(3)
    expect(oldestAgeMs).toBeGreaterThanOrEqual(20)
    expect(oldestAgeMs).toBeLessThan(60_000)
  })

  it('answers an aborted signal at once, with nothing', async () => {
    const source = await opened(current())
    await (await current().writer()).insert()
    const signal = AbortSignal.abort()
    expect(await source.read(signal)).toMatchObject({ events: [], truncated: false })
  })
}

function sourceReopenTests(current: CurrentTest): void {
  it('reads everything that was not settled again after it was opened again', async () => {
    const writer = await current().writer()
    const [first, second] = [await writer.insert(), await writer.insert()]
    const source = current().source()
    const acquired = await source.leases.acquire({ owner: 'suite', termMs: 60_000 })
    const lease = acquired?.lease ?? { owner: '', epoch: 0 }
    await source.open(lease)
    const events = await readOnce(source)
    await source.settle({ done: events.slice(0, 1), held: [] })
    await source.close()
    await source.open(lease)
    expect(await read(source)).toEqual([second])
    expect(await current().positions()).not.toContain(first)
  })

  it('says the same fingerprint as long as the same server answers', async () => {
    const source = await opened(current())
    const signal = new AbortController().signal
    const { fingerprint } = await source.read(signal)
    expect(fingerprint).not.toBe('')
    await (await current().writer()).insert()
    expect((await source.read(signal)).fingerprint).toBe(fingerprint)
  })

  it("refuses cleanup: 'archive' without the table, and says how to make it", async () => {
    const source = current().source({ cleanup: 'archive' })
    const acquired = await source.leases.acquire({ owner: 'suite', termMs: 60_000 })
    const error = await rejection(source.open(acquired?.lease ?? { owner: '', epoch: 0 }))
    expect(error).toMatchObject({
      code: 'OUTBOX_SOURCE_UNSUPPORTED',
      message: expect.stringMatching(/_archive.*generate --with archive/s),
    })
  })

  it('refuses to open a lease that is lost', async () => {
    const source = current().source()
    const acquired = await source.leases.acquire({ owner: 'suite', termMs: 60_000 })
    await (await current().writer()).takeLease('other')
    const error = await rejection(source.open(acquired?.lease ?? { owner: '', epoch: 0 }))
    expect(error.code).toBe('OUTBOX_LEASE_LOST')
  })

  it('says what is missing when the tables are dropped, and goes on when they are back', async () => {
    const source = await opened(current())
    const writer = await current().writer()
    await writer.insert()
    await writer.insert()
    expect((await read(source)).length).toBe(2)
    await current().dropTables()
    expect((await rejection(read(source))).code).toBe('OUTBOX_SOURCE_FAILED')
    const look = await rejection(source.leases.look())
    expect(look).toMatchObject({
      code: 'OUTBOX_SOURCE_UNSUPPORTED',
      message: expect.stringContaining('no table'),
    })
    await source.close()

    await current().createTables()
    const position = await writer.insert()
    const acquired = await source.leases.acquire({ owner: 'again', termMs: 60_000 })
    await source.open(acquired?.lease ?? { owner: '', epoch: 0 })
    expect(await read(source)).toEqual([position])
  })

  it('notices tables that were dropped and created between two reads', async () => {
    const source = await opened(current())
    const writer = await current().writer()
    await writer.insert()
    const signal = new AbortController().signal
    const { fingerprint } = await source.read(signal)
    await current().dropTables()
    await current().createTables()
    await writer.insert()
    const answer = await source.read(signal).then(
      (batch) => (batch.fingerprint === fingerprint ? batch : 'changed'),
      () => 'failed',
    )
    expect(['changed', 'failed']).toContain(answer)
  })
}

import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import {
  mostInFlight,
  never,
  partitionsOf,
  record,
  type BatchUnderTest,
  type DriverSuite,
  type RecordUnderTest,
} from './driver-harness.js'

const options = { signal: never, deadlineMs: 20_000 }

const text = (bytes: Uint8Array | null): string | null =>
  bytes === null ? null : Buffer.from(bytes).toString()

/** Clauses 1, 2, 6 and 8: what is written, where, with which time, and how much at once. */
export function contentTests(suite: DriverSuite): void {
  describe('content', () => {
    test('writes each batch to the partition that it is told, in order', async () => {
      const topic = await suite.cluster.createTopic({ partitions: 4 })
      const batches: BatchUnderTest[] = [3, 0, 2].map((partition) => ({
        topic,
        partition,
        records: Array.from({ length: 100 }, (_, i) => record(`${partition}-${i}`)),
      }))
      const outcomes = await suite.driver().send(batches, options)
      expect(outcomes).toEqual([{ status: 'written' }, { status: 'written' }, { status: 'written' }])
      const found = await suite.cluster.read(topic)
      for (const partition of [0, 1, 2, 3])
        expect(found.filter((each) => each.partition === partition).map(({ value }) => text(value))).toEqual(
          partition === 1 ? [] : Array.from({ length: 100 }, (_, i) => `${partition}-${i}`),
        )
    })

    test('writes keys, values and headers byte by byte', async () => {
      const topic = await suite.cluster.createTopic()
      const headers = [
        ['id', 'x'],
        ['null', null],
        ['empty', ''],
        ['é', '漢😀'],
        ['1', 'a number as name keeps its place'],
        ['__proto__', 'p'],
        ['constructor', 'c'],
      ] as const
      // A view into a larger buffer, as databases return them: only its part may be sent.
      const view = new Uint8Array(new Uint8Array([9, 0, 255, 128, 9]).buffer, 1, 3)
      const records = [
        record('é漢😀', { headers }),
        record('', { key: '' }),
        { key: null, value: null, headers: [] },
        { key: view, value: view, headers: [['last', null]] },
      ] satisfies RecordUnderTest[]
      expect(await suite.driver().send([{ topic, partition: 0, records }], options)).toEqual([
        { status: 'written' },
      ])
      const found = await suite.cluster.read(topic)
      expect(found.map(({ key, value }) => [key && Buffer.from(key), value && Buffer.from(value)])).toEqual([
        [Buffer.from('k'), Buffer.from('é漢😀')],
        [Buffer.alloc(0), Buffer.alloc(0)],
        [null, null],
        [Buffer.from([0, 255, 128]), Buffer.from([0, 255, 128])],
      ])
      expect(found[0]?.headers.map(([name, value]) => [name, text(value)])).toEqual(headers)
      expect(found[3]?.headers.map(([name, value]) => [name, value])).toEqual([['last', null]])
    })

    test('waits for all in-sync replicas and sends each batch once', async () => {
      const topic = await suite.cluster.createTopic({ partitions: 2 })
      const driver = suite.driver()
      const before = suite.cluster.network.produced.length
      await driver.send(
        [0, 1].map((partition) => ({ topic, partition, records: [record('x')] })),
        options,
      )
      const seen = suite.cluster.network.produced.slice(before)
      expect(seen.length).toBeLessThanOrEqual(2)
      expect(seen.map(({ acks }) => acks)).toEqual(seen.map(() => -1))
    })

    test('has one request in flight per partition, and all partitions side by side', async () => {
      const topic = await suite.cluster.createTopic({ partitions: 4 })
      const { network } = suite.cluster
      const driver = suite.driver()
      const send = (value: string): ReturnType<typeof driver.send> =>
        driver.send(
          [0, 1, 2, 3].map((partition) => ({ topic, partition, records: [record(value)] })),
          options,
        )
      await send('before')
      const before = network.produced.length
      network.holdAnswers()
      const held = send('held')
      const asked = (): readonly number[] =>
        partitionsOf(network.produced.slice(before), topic).toSorted((a, b) => a - b)
      await expect.poll(asked).toEqual([0, 1, 2, 3])
      await sleep(300)
      expect(asked()).toEqual([0, 1, 2, 3])
      network.passAnswers()
      expect(await held).toEqual([0, 1, 2, 3].map(() => ({ status: 'written' })))
      expect(mostInFlight(network.produced, topic)).toBe(1)
    })

    test('puts each batch into one request, however many records it has and whatever is sent beside it', async () => {
      const [large, small] = [
        await suite.cluster.createTopic({ partitions: 2 }),
        await suite.cluster.createTopic(),
      ]
      const { network } = suite.cluster
      const driver = suite.driver()
      const before = network.produced.length
      const repeat = async (topic: string, partitions: number[], count: number, records: number) => {
        for (let round = 0; round < count; round++) {
          const values = Array.from({ length: records }, (_, i) => record(`${round}-${i}`))
          const batches = partitions.map((partition) => ({ topic, partition, records: values }))
          expect(await driver.send(batches, options)).toEqual(partitions.map(() => ({ status: 'written' })))
        }
      }
      await Promise.all([repeat(large, [0, 1], 15, 2_000), repeat(small, [0], 60, 3)])
      const requests = network.produced.slice(before)
      expect(partitionsOf(requests, large)).toHaveLength(30)
      expect(partitionsOf(requests, small)).toHaveLength(60)
      // What is one request now was one batch: nothing of it can be written without the rest.
      const found = (await suite.cluster.read(large)).filter(({ partition }) => partition === 0)
      expect(found.map(({ value }) => text(value))).toEqual(
        Array.from({ length: 30_000 }, (_, i) => `${Math.floor(i / 2_000)}-${i % 2_000}`),
      )
    })

    test('stamps records with the time of publishing', async () => {
      const topic = await suite.cluster.createTopic()
      const before = Date.now()
      await suite.driver().send([{ topic, partition: 0, records: [record('x'), record('y')] }], options)
      const after = Date.now()
      for (const { timestamp } of await suite.cluster.read(topic)) {
        expect(timestamp).toBeGreaterThanOrEqual(before)
        expect(timestamp).toBeLessThanOrEqual(after)
      }
    })

    test('says that a batch is too large, writes none of it, and writes its halves', async () => {
      const topic = await suite.cluster.createTopic({ config: { 'max.message.bytes': '10000' } })
      const driver = suite.driver()
      const records = Array.from({ length: 16 }, (_, i) => record(`${i}`.padEnd(1_000, 'x')))
      expect(await driver.send([{ topic, partition: 0, records }], options)).toEqual([
        { status: 'too-large' },
      ])
      expect(await suite.cluster.read(topic)).toEqual([])
      for (const half of [records.slice(0, 8), records.slice(8)])
        expect(await driver.send([{ topic, partition: 0, records: half }], options)).toEqual([
          { status: 'written' },
        ])
      expect(
        (await suite.cluster.read(topic)).map(({ value }) => Number.parseInt(text(value) ?? '', 10)),
      ).toEqual(records.map((_, i) => i))
    })

    test('keeps a batch that is too large from failing the others of the call', async () => {
      const topic = await suite.cluster.createTopic({
        partitions: 2,
        config: { 'max.message.bytes': '10000' },
      })
      const outcomes = await suite.driver().send(
        [
          { topic, partition: 0, records: [record('x'.repeat(20_000))] },
          { topic, partition: 1, records: [record('y')] },
        ],
        options,
      )
      expect(outcomes).toEqual([{ status: 'too-large' }, { status: 'written' }])
      expect((await suite.cluster.read(topic)).map(({ value }) => text(value))).toEqual(['y'])
    })
  })
}

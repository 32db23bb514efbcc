import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import {
  never,
  record,
  type DriverSuite,
  type DriverUnderTest,
  type OutcomeUnderTest,
} from './driver-harness.js'

/** How long after its deadline an answer may come, on a busy machine. */
const slackMs = 1_500

interface Timed {
  readonly outcome: OutcomeUnderTest | undefined
  readonly tookMs: number
}

async function send(
  driver: DriverUnderTest,
  topic: string,
  value: string,
  deadlineMs = 10_000,
  signal = never,
): Promise<Timed> {
  const start = performance.now()
  const batch = { topic, partition: 0, records: [record(value)] }
  const [outcome] = await driver.send([batch], { signal, deadlineMs })
  return { outcome, tookMs: performance.now() - start }
}

/** Clauses 3, 4 and 5: nothing is believed that was not answered, and nothing hangs. */
export function faultTests(suite: DriverSuite): void {
  const values = async (topic: string): Promise<string[]> =>
    (await suite.cluster.read(topic)).map(({ value }) => Buffer.from(value ?? []).toString())

  describe('faults', () => {
    test('an answer that never comes is unknown at the deadline; nothing is repeated; the next send works', async () => {
      const topic = await suite.cluster.createTopic()
      const driver = suite.driver()
      await send(driver, topic, 'before')
      const before = suite.cluster.network.produced.length
      const fault = suite.cluster.network.dropAnswer()
      const lost = await send(driver, topic, 'lost', 2_000)
      expect(fault.hits).toBe(1)
      expect(lost.outcome?.status).toBe('unknown')
      expect(lost.tookMs).toBeLessThan(2_000 + slackMs)
      await sleep(500)
      expect(suite.cluster.network.produced.length - before).toBe(1)
      await driver.reset()
      expect((await send(driver, topic, 'after')).outcome).toEqual({ status: 'written' })
      expect(await values(topic)).toEqual(['before', 'lost', 'after'])
    })

    test('drops its connections by itself when an answer is unknown', async () => {
      const topic = await suite.cluster.createTopic()
      const driver = suite.driver()
      await send(driver, topic, 'before')
      expect(suite.cluster.network.openConnections).toBeGreaterThan(0)
      const fault = suite.cluster.network.dropAnswer()
      expect((await send(driver, topic, 'lost', 500)).outcome?.status).toBe('unknown')
      expect(fault.hits).toBe(1)
      await expect.poll(() => suite.cluster.network.openConnections, { timeout: 3_000 }).toBe(0)
    })

    test.each(['request', 'response'] as const)('a connection cut at the %s is no answer', async (moment) => {
      const topic = await suite.cluster.createTopic()
      const driver = suite.driver()
      await send(driver, topic, 'before')
      const fault = suite.cluster.network.cutOn(moment)
      const lost = await send(driver, topic, 'lost')
      expect(fault.hits).toBe(1)
      // Once the broker has written, nobody may say that it has not.
      expect(moment === 'response' ? ['unknown'] : ['unknown', 'failed']).toContain(lost.outcome?.status)
      await driver.reset()
      expect((await send(driver, topic, 'after')).outcome).toEqual({ status: 'written' })
      expect(await values(topic)).toEqual(
        moment === 'response' ? ['before', 'lost', 'after'] : ['before', 'after'],
      )
    })

    test('a request that arrives after its deadline is unknown, and its late answer is nobody else’s', async () => {
      const topic = await suite.cluster.createTopic()
      const driver = suite.driver()
      await send(driver, topic, 'before')
      const fault = suite.cluster.network.delayRequest(1_500)
      const late = await send(driver, topic, 'late', 500)
      expect(fault.hits).toBe(1)
      expect(late.outcome?.status).toBe('unknown')
      expect(late.tookMs).toBeLessThan(500 + slackMs)
      await driver.reset()
      const next = await send(driver, topic, 'late', 10_000)
      expect(next.outcome).toEqual({ status: 'written' })
      await sleep(1_500)
      const found = await values(topic)
      // The first one may or may not get through; the acknowledged one is there.
      expect(found.slice(0, 2)).toEqual(['before', 'late'])
      expect(new Set(found)).toEqual(new Set(['before', 'late']))
    })

    test('a network that swallows everything ends no later than the deadline, and heals', async () => {
      const topic = await suite.cluster.createTopic()
      const driver = suite.driver()
      await send(driver, topic, 'before')
      suite.cluster.network.silence()
      const lost = await send(driver, topic, 'lost', 1_000)
      expect(['unknown', 'failed']).toContain(lost.outcome?.status)
      expect(lost.tookMs).toBeLessThan(1_000 + slackMs)
      await driver.reset()
      const again = await send(driver, topic, 'lost', 1_000)
      expect(['unknown', 'failed']).toContain(again.outcome?.status)
      expect(again.tookMs).toBeLessThan(1_000 + slackMs)
      await suite.cluster.network.heal()
      await driver.reset()
      expect((await send(driver, topic, 'after')).outcome).toEqual({ status: 'written' })
    })

    test('a cluster that is gone fails, and is found again when it is back', async () => {
      const topic = await suite.cluster.createTopic()
      const driver = suite.driver()
      await send(driver, topic, 'before')
      await suite.cluster.network.shut()
      const gone = await send(driver, topic, 'gone', 3_000)
      expect(['unknown', 'failed']).toContain(gone.outcome?.status)
      expect(gone.tookMs).toBeLessThan(3_000 + slackMs)
      await suite.cluster.network.heal()
      await driver.reset()
      expect((await send(driver, topic, 'after')).outcome).toEqual({ status: 'written' })
      expect(await values(topic)).toEqual(['before', 'after'])
    })

    test('an aborted signal ends a send at once', async () => {
      const topic = await suite.cluster.createTopic()
      const driver = suite.driver()
      await send(driver, topic, 'before')
      const fault = suite.cluster.network.dropAnswer()
      const controller = new AbortController()
      setTimeout(() => controller.abort(), 300)
      const aborted = await send(driver, topic, 'aborted', 20_000, controller.signal)
      expect(fault.hits).toBe(1)
      expect(aborted.outcome?.status).toBe('unknown')
      expect(aborted.tookMs).toBeLessThan(300 + slackMs)
    })

    test('connecting and asking end with their signal when nobody answers', async () => {
      suite.cluster.network.silence()
      const driver = suite.driver()
      const start = performance.now()
      await expect(driver.connect(AbortSignal.timeout(500))).rejects.toMatchObject({
        code: 'OUTBOX_PUBLISH_RETRY',
      })
      const lookup = await driver.describeTopic('any', AbortSignal.timeout(500))
      expect(lookup.status).toBe('failed')
      expect(performance.now() - start).toBeLessThan(1_000 + 2 * slackMs)
    })

    test('closing never hangs: with an answer outstanding, in a dead network, twice', async () => {
      const topic = await suite.cluster.createTopic()
      const driver = suite.driver()
      await send(driver, topic, 'before')
      suite.cluster.network.silence()
      const outstanding = send(driver, topic, 'lost', 3_000)
      await sleep(100)
      const start = performance.now()
      await driver.close()
      await driver.close()
      expect(performance.now() - start).toBeLessThan(2_500)
      const ended = await outstanding
      expect(ended.outcome?.status).not.toBe('written')
      expect(ended.tookMs).toBeLessThan(2_500)
      const late = await send(driver, topic, 'late', 1_000)
      expect(late.outcome?.status).toBe('failed')
    })
  })
}

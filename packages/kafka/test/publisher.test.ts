import type { StoredEvent } from '@outboxkit/core'
import { describe, expect, it, vi } from 'vitest'
import { kafkaPublisher, partitionOf, type KafkaPublisherOptions, type KafkaWarning } from '../src/index.js'
import { storedEvent } from './event.js'
import { ScriptedDriver } from './scripted-driver.js'

const topic = 'outbox.event.order'
const never = new AbortController().signal

function setup(options: Partial<KafkaPublisherOptions> = {}): {
  driver: ScriptedDriver
  publisher: ReturnType<typeof kafkaPublisher>
  warnings: KafkaWarning[]
} {
  const driver = new ScriptedDriver().found(topic)
  const warnings: KafkaWarning[] = []
  const publisher = kafkaPublisher({ driver, onWarning: (warning) => warnings.push(warning), ...options })
  return { driver, publisher, warnings }
}

/** `a1`, `a2`, `b1` …: the letter is the key, the whole is the payload. */
function events(...names: string[]): StoredEvent[] {
  return names.map((name, index) =>
    storedEvent(index + 1, { aggregateId: name.slice(0, 1), payload: JSON.stringify(name) }),
  )
}

const values = (driver: ScriptedDriver): string[] =>
  driver.log.map(({ value }) => JSON.parse(value) as string)
const hasValue = (batch: { records: readonly { value: unknown }[] }, name: string): boolean =>
  batch.records.some(({ value }) => value === JSON.stringify(name))

describe('publish', () => {
  it('resolves with one outcome per event, in their sequence', async () => {
    const { publisher, driver } = setup()
    const outcomes = await publisher.publish(events('a1', 'b1', 'a2'), { signal: never })
    expect(outcomes.map(({ status }) => status)).toEqual(['published', 'published', 'published'])
    expect(values(driver).filter((value) => value.startsWith('a'))).toEqual(['a1', 'a2'])
    expect(await publisher.publish([], { signal: never })).toEqual([])
  })

  it('halves a batch that is too large until the culprit is alone, and holds back the rest of its key', async () => {
    const { publisher, driver } = setup()
    driver.found(topic, { partitions: 1 })
    driver.answer = (batch) => (hasValue(batch, 'c1') ? { status: 'too-large' } : { status: 'written' })
    const names = ['a1', 'b1', 'c1', 'a2', 'c2', 'd1', 'c3', 'b2']
    const outcomes = await publisher.publish(events(...names), { signal: never })
    expect(outcomes.map(({ status }) => status)).toEqual([
      'published',
      'published',
      'reject',
      'published',
      'retry',
      'published',
      'retry',
      'published',
    ])
    expect(values(driver)).toEqual(['a1', 'b1', 'a2', 'd1', 'b2'])
    expect(outcomes[2]).toMatchObject({ topic, error: { code: 'OUTBOX_PUBLISH_REJECTED' } })
  })

  it('publishes what comes before an event that is too large, and rejects it only in its turn', async () => {
    const { publisher, driver } = setup()
    driver.found(topic, { maxMessageBytes: 2_000 })
    const sequence = events('a1', 'a2', 'a3')
    const huge = { ...storedEvent(2, { aggregateId: 'a', payload: JSON.stringify('x'.repeat(3_000)) }) }
    const list = [sequence[0] ?? huge, huge, sequence[2] ?? huge]
    driver.answer = () => ({ status: 'failed', code: 'NOT_ENOUGH_REPLICAS', message: 'no' })
    const waiting = await publisher.publish(list, { signal: never })
    expect(waiting.map(({ status }) => status)).toEqual(['retry', 'retry', 'retry'])
    driver.answer = () => ({ status: 'written' })
    const outcomes = await publisher.publish(list, { signal: never })
    expect(outcomes.map(({ status }) => status)).toEqual(['published', 'reject', 'retry'])
    expect(values(driver)).toEqual(['a1'])
  })

  it('finds the one record that the broker refuses for good', async () => {
    const { publisher, driver } = setup()
    driver.found(topic, { partitions: 1 })
    driver.answer = (batch) =>
      hasValue(batch, 'b1')
        ? { status: 'rejected', code: 'INVALID_RECORD', message: 'no' }
        : { status: 'written' }
    const outcomes = await publisher.publish(events('a1', 'b1', 'c1'), { signal: never })
    expect(outcomes.map(({ status }) => status)).toEqual(['published', 'reject', 'published'])
  })

  it('leaves a failed partition alone and goes on with the others', async () => {
    const { publisher, driver } = setup({ maxRequestBytes: 1 })
    driver.answer = ({ partition }) =>
      partition === 0
        ? { status: 'failed', code: 'NOT_ENOUGH_REPLICAS', message: 'no' }
        : { status: 'written' }
    const names = Array.from({ length: 40 }, (_, i) => `${'abcdefgh'[i % 8]}${Math.floor(i / 8)}`)
    const outcomes = await publisher.publish(events(...names), { signal: never })
    expect(new Set(outcomes.map(({ status }) => status))).toEqual(new Set(['published', 'retry']))
    expect(driver.sent.filter(({ partition }) => partition === 0)).toHaveLength(1)
    expect(driver.resets).toBe(0)
  })

  it('drops the producer after an unknown answer', async () => {
    const { publisher, driver } = setup()
    driver.answer = () => ({ status: 'unknown', code: 'TIMEOUT', message: 'no answer' })
    const [outcome] = await publisher.publish(events('a1'), { signal: never })
    expect(outcome).toMatchObject({
      status: 'retry',
      topic,
      error: { code: 'OUTBOX_PUBLISH_RETRY', details: { code: 'TIMEOUT' } },
    })
    expect(driver.resets).toBe(1)
  })

  it('keeps a dead topic from holding up another', async () => {
    const { publisher, driver } = setup({ publishTimeoutMs: 100 })
    driver.found('dead').found('alive')
    driver.answer = (batch) => (batch.topic === 'dead' ? new Promise(() => {}) : { status: 'written' })
    const outcomes = await publisher.publish(
      [storedEvent(1, { topic: 'dead' }), storedEvent(2, { topic: 'alive' })],
      { signal: never },
    )
    expect(outcomes.map(({ status }) => status)).toEqual(['retry', 'published'])
    // Another call does not wait for the dead topic either.
    const dead = publisher.publish([storedEvent(3, { topic: 'dead' })], { signal: never })
    const alive = await publisher.publish([storedEvent(4, { topic: 'alive' })], { signal: never })
    expect(alive[0]?.status).toBe('published')
    await dead
  })

  it('sends one request at a time per partition, also from calls that overlap', async () => {
    const { publisher, driver } = setup({ maxRequestBytes: 1 })
    driver.answer = async () => {
      await new Promise((resolve) => setTimeout(resolve, 1))
      return { status: 'written' }
    }
    const calls = Array.from({ length: 5 }, (_, call) =>
      publisher.publish(events(`a${call}`, `a${call}+`), { signal: never }),
    )
    const outcomes = (await Promise.all(calls)).flat()
    expect(outcomes.every(({ status }) => status === 'published')).toBe(true)
    expect(values(driver)).toEqual(['a0', 'a0+', 'a1', 'a1+', 'a2', 'a2+', 'a3', 'a3+', 'a4', 'a4+'])
  })

  it('ends with retry when it is aborted', async () => {
    const { publisher, driver } = setup({ maxRequestBytes: 1 })
    const controller = new AbortController()
    driver.answer = () => {
      controller.abort()
      return { status: 'written' }
    }
    const outcomes = await publisher.publish(events('a1', 'a2', 'a3'), { signal: controller.signal })
    expect(outcomes.map(({ status }) => status)).toEqual(['published', 'retry', 'retry'])
    const [late] = await publisher.publish(events('a1'), { signal: controller.signal })
    expect(late?.status).toBe('retry')
  })

  it('doubts the answers of a driver that breaks its contract', async () => {
    const { publisher, driver } = setup()
    driver.send = async () => []
    expect((await publisher.publish(events('a1'), { signal: never }))[0]).toMatchObject({ status: 'retry' })
    driver.send = async () => {
      throw new Error('boom')
    }
    expect((await publisher.publish(events('a1'), { signal: never }))[0]).toMatchObject({ status: 'retry' })
    expect(driver.resets).toBe(2)
  })

  it('keeps the order of a key that an envelope spreads over partitions', async () => {
    const keys = ['k1', 'k2', 'k1', 'k3', 'k2']
    let call = 0
    const { publisher, driver } = setup({
      envelope: (event) => ({ key: keys[call++] ?? null, value: event.payload, headers: [] }),
    })
    driver.found(topic, { partitions: 6 })
    driver.answer = async ({ partition }) => {
      await new Promise((resolve) => setTimeout(resolve, partition))
      return { status: 'written' }
    }
    await publisher.publish(events('a1', 'a2', 'a3', 'a4', 'a5'), { signal: never })
    expect(values(driver)).toEqual(['a1', 'a2', 'a3', 'a4', 'a5'])
  })

  it('holds back a key after a failure, also where an envelope puts it on another partition', async () => {
    const keys = ['k1', 'k2']
    let call = 0
    const { publisher, driver } = setup({
      envelope: (event) => ({ key: keys[call++] ?? null, value: event.payload, headers: [] }),
    })
    driver.found(topic, { partitions: 6 })
    driver.answer = (batch) =>
      hasValue(batch, 'a1')
        ? { status: 'failed', code: 'NOT_ENOUGH_REPLICAS', message: 'no' }
        : { status: 'written' }
    const outcomes = await publisher.publish(events('a1', 'a2'), { signal: never })
    expect(outcomes.map(({ status }) => status)).toEqual(['retry', 'retry'])
    expect(driver.log).toEqual([])
  })
})

describe('topics', () => {
  it('retries while a topic is missing and publishes once it is there', async () => {
    const { publisher, driver } = setup()
    const missing = storedEvent(1, { topic: 'later' })
    expect((await publisher.publish([missing], { signal: never }))[0]).toMatchObject({
      status: 'retry',
      topic: 'later',
    })
    driver.found('later')
    expect((await publisher.publish([missing], { signal: never }))[0]?.status).toBe('published')
  })

  it('creates a missing topic only when asked to', async () => {
    const { publisher, warnings } = setup({ createTopics: { partitions: 4, replicationFactor: 3 } })
    expect((await publisher.publish([storedEvent(1, { topic: 'new' })], { signal: never }))[0]?.status).toBe(
      'published',
    )
    expect(warnings).toMatchObject([{ code: 'topic-created', topic: 'new' }])
  })

  it('is an error at start for a topic that is certain', async () => {
    const { publisher } = setup({ topic: 'missing' })
    await expect(publisher.open?.()).rejects.toMatchObject({
      code: 'OUTBOX_OPTION_INVALID',
      details: { topic: 'missing' },
    })
    await expect(setup().publisher.open?.()).resolves.toBeUndefined()
  })

  it('warns once about a topic that may lose what it acknowledged', async () => {
    const { publisher, driver, warnings } = setup()
    driver.found(topic, { replicationFactor: 1 }).found('two', { minInsyncReplicas: 1 })
    await publisher.publish([...events('a1'), storedEvent(2, { topic: 'two' })], { signal: never })
    await publisher.publish(events('a2'), { signal: never })
    expect(warnings.map(({ code, topic: name }) => [code, name])).toEqual([
      ['topic-unsafe', topic],
      ['topic-unsafe', 'two'],
    ])
  })

  it('warns by a process warning with the name of all warnings', async () => {
    const emit = vi.spyOn(process, 'emitWarning').mockImplementation(() => undefined)
    const { publisher, driver } = setup({ onWarning: undefined } as object)
    driver.found(topic, { replicationFactor: 1 })
    await publisher.publish(events('a1'), { signal: never })
    expect(emit).toHaveBeenCalledExactlyOnceWith(expect.stringContaining(topic), {
      type: 'OutboxWarning',
      code: 'OUTBOX_TOPIC',
    })
    emit.mockRestore()
  })

  it('keeps the number of partitions until there is a doubt, and says when it changes', async () => {
    const { publisher, driver, warnings } = setup()
    await publisher.publish(events('a1'), { signal: never })
    driver.found(topic, { partitions: 7 })
    await publisher.publish(events('a2'), { signal: never })
    expect(driver.describes).toBe(1)
    driver.answer = () => ({ status: 'failed', code: 'UNKNOWN_TOPIC_OR_PARTITION', message: 'no' })
    await publisher.publish(events('a3'), { signal: never })
    driver.answer = () => ({ status: 'written' })
    await publisher.publish(events('a3'), { signal: never })
    expect(warnings).toMatchObject([{ code: 'partitions-changed', topic }])
    expect(driver.log.at(-1)?.partition).not.toBe(undefined)
  })

  it('takes over new partitions after a minute, when nothing of the topic is in flight', async () => {
    const { publisher, driver, warnings } = setup()
    const clock = vi.spyOn(performance, 'now')
    try {
      clock.mockReturnValue(1_000_000)
      await publisher.publish(events('a1'), { signal: never })
      driver.found(topic, { partitions: 7 })
      clock.mockReturnValue(1_059_000)
      await publisher.publish(events('a2'), { signal: never })
      expect([driver.describes, warnings.length]).toEqual([1, 0])
      clock.mockReturnValue(1_061_000)
      await publisher.publish(events('a3'), { signal: never })
      expect(driver.describes).toBe(2)
      expect(warnings).toMatchObject([{ code: 'partitions-changed', topic }])
      expect(driver.log.at(-1)?.partition).toBe(partitionOf(Buffer.from('a'), 7))
    } finally {
      clock.mockRestore()
    }
  })

  it('leaves an event to the broker when nobody may read the limit of its topic', async () => {
    const { publisher, driver } = setup()
    driver.found(topic, { maxMessageBytes: null, partitions: 1 })
    const large = storedEvent(1, { payload: JSON.stringify('x'.repeat(1_500_000)) })
    const outcomes = await publisher.publish([large, storedEvent(2)], { signal: never })
    expect(outcomes.map(({ status }) => status)).toEqual(['published', 'published'])
    // The limit of most topics still divides batches.
    expect(driver.sent.map(({ records }) => records.length)).toEqual([1, 1])
    driver.answer = () => ({ status: 'too-large' })
    const [refused] = await publisher.publish([large], { signal: never })
    expect(refused).toMatchObject({ status: 'reject', error: { details: { code: 'MESSAGE_TOO_LARGE' } } })
  })

  it('reads the limit again before it refuses an event for its size', async () => {
    const { publisher, driver } = setup()
    driver.found(topic, { maxMessageBytes: 500 })
    const big = storedEvent(1, { payload: JSON.stringify('x'.repeat(900)) })
    const [first] = await publisher.publish([big], { signal: never })
    expect(first).toMatchObject({
      status: 'reject',
      error: { details: { maxMessageBytes: 500, code: 'MESSAGE_TOO_LARGE' } },
    })
    driver.found(topic, { maxMessageBytes: 5_000 })
    const [second] = await publisher.publish([big], { signal: never })
    expect(second?.status).toBe('published')
  })

  it('spreads events without a key over the partitions, call by call', async () => {
    const { publisher, driver } = setup()
    for (let call = 0; call < 3; call++)
      await publisher.publish(
        [storedEvent(1, { aggregateId: null }), storedEvent(2, { aggregateId: null })],
        { signal: never },
      )
    const partitions = driver.sent.map(({ partition, records }) => [partition, records.length])
    expect(partitions.map(([, count]) => count)).toEqual([2, 2, 2])
    expect(new Set(partitions.map(([partition]) => partition)).size).toBe(3)
  })
})

describe('options', () => {
  it.each([
    [{ acks: 1 }, /acks/],
    [{ topics: 'x' }, /topic/],
    [{ publishTimeoutMs: 0 }, /publishTimeoutMs/],
    [{ maxRequestBytes: 1.5 }, /maxRequestBytes/],
    [{ createTopics: { partitions: 3 } }, /replicationFactor/],
    [{ envelope: 'avro' }, /envelope/],
    [{ driver: {} }, /driver/],
    [{ topic: 'a b' }, /topic/],
    [{ route: 'x' }, /route/],
  ])('refuses %j', (option, message) => {
    const options = { driver: new ScriptedDriver(), ...option } as unknown as KafkaPublisherOptions
    expect(() => kafkaPublisher(options)).toThrow(message)
  })

  it('names the driver and the envelope, and the topic of an event', () => {
    const { publisher } = setup({ envelope: 'debezium' })
    expect(publisher.name).toBe('kafka (scripted, debezium)')
    expect(publisher.topicOf(storedEvent(1))).toBe(topic)
    expect(publisher.topicOf(storedEvent(1, { aggregateType: 'no good' }))).toBeNull()
  })
})

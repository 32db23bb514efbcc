import { describe, expect, it } from 'vitest'
import { isOutboxError, Outbox } from '@outboxkit/core'
import { kafkaPublisher } from '@outboxkit/kafka'
import { createRelay } from '@outboxkit/relay'
import { mysqlSource } from '@outboxkit/relay/mysql'
import { postgresSource } from '@outboxkit/relay/postgres'
import { resolveOptions as resolveKafka } from '../../../kafka/src/options.js'
import { defaultTopic } from '../../../kafka/src/routing.js'
import { resolveOptions as resolveRelay } from '../../../relay/src/options.js'
import { resolvePolling } from '../../../relay/src/polling-options.js'
import { settingOf, settings } from '../../src/config/settings.js'
import { configOf } from '../support/config.js'

/** The options that a function has, as its error for one that it does not have lists them. */
function optionsOf(call: (options: never) => unknown): readonly string[] {
  try {
    call({ xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx: 1 } as never)
  } catch (error) {
    if (isOutboxError(error)) return /It has: (.*)\.$/.exec(error.message)?.[1]?.split(', ') ?? []
  }
  return []
}

/** What cannot be data, or is said in another place. */
const elsewhere = [
  'source',
  'publisher',
  'signal',
  'internal',
  'onWarning',
  'url',
  'config',
  'pool',
  'driver',
  'table',
]

describe('the settings', () => {
  it.each([
    ['createRelay', createRelay, ''],
    ['postgresSource', postgresSource, ''],
    ['mysqlSource', mysqlSource, ''],
    ['kafkaPublisher', kafkaPublisher, 'kafka.'],
  ] as const)('every option of %s that is data is one', (_, call, prefix) => {
    const options = optionsOf(call)
    expect(options.length).toBeGreaterThan(5)
    const keys = settings.map(({ key }) => key)
    const missing = options.filter(
      (option) =>
        !elsewhere.includes(option) &&
        !keys.some(
          (key) =>
            key === `database.${option}` ||
            key === `${prefix}${option}` ||
            key.startsWith(`${prefix}${option}.`),
        ),
    )
    expect(missing).toEqual([])
  })

  it('have the defaults that the packages fill in', () => {
    const seam = { read() {}, publish() {} } as never
    const relay = resolveRelay({ source: seam, publisher: seam })
    const polling = resolvePolling('test', {})
    const kafka = resolveKafka({ driver: { send() {} } as never })
    const expected: Record<string, unknown> = {
      'lease.termMs': relay.termMs,
      'poll.minMs': relay.poll.minMs,
      'poll.maxMs': relay.poll.maxMs,
      'idle.wakeEveryMs': relay.wakeEveryMs,
      'retry.minMs': relay.retry.minMs,
      'retry.maxMs': relay.retry.maxMs,
      onPoison: relay.onPoison,
      holdAfterMs: relay.holdAfterMs,
      maxInFlightBytes: relay.maxInFlightBytes,
      maxInFlightEvents: relay.maxInFlightEvents,
      stopTimeoutMs: relay.stopTimeoutMs,
      tracing: relay.tracing,
      'table.name': polling.table.name,
      'table.payload': polling.table.payload,
      'table.uniqueId': polling.table.uniqueId,
      maxBatchEvents: polling.maxBatchEvents,
      maxBatchBytes: polling.maxBatchBytes,
      noteIntervalMs: polling.noteIntervalMs,
      'sweep.intervalMs': polling.sweepIntervalMs,
      cleanup: polling.cleanup,
      'database.connectTimeoutMs': polling.connectTimeoutMs,
      'database.statementTimeoutMs': polling.statementTimeoutMs,
      'kafka.publishTimeoutMs': kafka.publishTimeoutMs,
      'kafka.maxRequestBytes': kafka.maxRequestBytes,
      'kafka.envelope': kafka.envelope.name,
      'kafka.topic': defaultTopic,
    }
    for (const [key, value] of Object.entries(expected))
      expect([key, settingOf(key)?.default]).toEqual([key, value])
    expect(relay.sleepAfterMs).toBe(Infinity)
    expect(settingOf('idle.sleepAfterMs')?.default).toBeUndefined()
  })

  it('have one variable each', () => {
    const variables = settings.flatMap(({ variable }) => variable ?? [])
    expect(new Set(variables).size).toBe(variables.length)
    expect(settingOf('kafka.createTopics.replicationFactor')?.variable).toBe(
      'OUTBOXKIT_KAFKA_CREATE_TOPICS_REPLICATION_FACTOR',
    )
  })

  it('reach what they are for, every one of them', async () => {
    const object: Record<string, unknown> = {}
    const given = settings.filter(
      ({ kind, fileOf, key }) =>
        kind !== 'code' && fileOf === undefined && key !== 'kafka.ssl' && key !== 'table.schema',
    )
    const special: Record<string, unknown> = {
      'database.url': 'mysql://u:p@h/d',
      'kafka.driver': 'kafkajs',
      'kafka.envelope': 'cloudevents',
    }
    for (const { path, kind, choices, key } of given) {
      const known = {
        choice: choices?.at(-1),
        list: [choices?.[0] ?? 'a:1'],
        number: 12_345,
        boolean: true,
        text: 'text',
        code: 0,
      }
      const value = special[key] ?? known[kind]
      let inner = object
      for (const name of path.slice(0, -1)) inner = (inner[name] ??= {}) as Record<string, unknown>
      inner[path.at(-1) ?? ''] = value
    }
    const config = await configOf(object)
    const [outbox] = config.outboxes
    // Nobody complains: each of these refuses what it does not know.
    outbox?.createSource()
    outbox?.createPublisher()
    const seam = { read() {}, publish() {} } as never
    const { termMs, poll, sleepAfterMs, stopTimeoutMs } = resolveRelay({
      ...outbox?.relay,
      lease: { termMs: 60_000 },
      source: seam,
      publisher: seam,
    })
    expect([termMs, poll.minMs, sleepAfterMs, stopTimeoutMs]).toEqual([60_000, 12_345, 12_345, 12_345])
    expect(config.values.filter(({ origin }) => origin === 'default')).toEqual([])
  })

  it('maxPayloadBytes is as emit has it', () => {
    const event = { aggregateType: 'a', aggregateId: null, type: 'b', payload: 'x'.repeat(1_000_000) }
    expect(() => new Outbox().prepare([event])).toThrow(
      `maxPayloadBytes (${String(settingOf('maxPayloadBytes')?.default)})`,
    )
  })
})

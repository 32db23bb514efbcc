import type { Kafka, KafkaConfig } from 'kafkajs'
import { describe, expect, it } from 'vitest'
import { createClient } from '../src/kafkajs/client.js'
import { kafkajs, type KafkajsOptions } from '../src/kafkajs/index.js'
import { redactor } from '../src/secrets.js'

/** The configuration that kafkajs gets. */
function configOf(options: KafkaConfig, logger?: Parameters<typeof createClient>[2]): KafkaConfig {
  let seen: KafkaConfig | undefined
  const Spy = class {
    constructor(config: KafkaConfig) {
      seen = config
    }
  } as unknown as typeof Kafka
  createClient(Spy, options, logger, redactor(options))
  if (seen === undefined) throw new Error('kafkajs was not called')
  return seen
}

const entry = {
  namespace: 'Connection',
  level: 1,
  label: 'ERROR',
  log: { timestamp: '', logger: 'kafkajs', message: 'failed with hunter2', stack: 'at hunter2', size: 5n },
}
const sasl = { mechanism: 'plain', username: 'app', password: 'hunter2' } as const

describe('the configuration of kafkajs', () => {
  it('keeps what the application asks for', () => {
    const config = configOf({
      brokers: ['a:1'],
      clientId: 'shop',
      connectionTimeout: 7,
      sasl,
      retry: { retries: 1 },
    })
    expect(config).toMatchObject({ clientId: 'shop', connectionTimeout: 7, sasl, retry: { retries: 1 } })
    expect(configOf({ brokers: ['a:1'] })).toMatchObject({ clientId: 'outboxkit', connectionTimeout: 5_000 })
  })

  it('gives a logger what kafkajs logs, without secrets', () => {
    const entries: unknown[] = []
    const config = configOf({ brokers: ['a:1'], sasl }, (each) => entries.push(each))
    config.logCreator?.(1)(entry)
    expect(entries).toEqual([
      { level: 'error', message: 'failed with ***', details: { stack: 'at ***', size: '5' } },
    ])
  })

  it('logs nothing without one', () => {
    expect(() => configOf({ brokers: ['a:1'] }).logCreator?.(1)(entry)).not.toThrow()
  })
})

describe('kafkajs()', () => {
  it.each([
    [{}],
    [{ brokers: [] }],
    [{ brokers: ['localhost'] }],
    [{ brokers: 'a:1' }],
    [{ brokers: ['a b:1'] }],
  ])('refuses %j', (options) => {
    expect(() => kafkajs(options as KafkajsOptions)).toThrow(
      expect.objectContaining({ code: 'OUTBOX_OPTION_INVALID' }) as Error,
    )
  })

  it('takes a function that finds the brokers, and loads nothing yet', () => {
    expect(kafkajs({ brokers: async () => ['a:1'] }).name).toBe('kafkajs')
  })
})

import { describe, expect, it } from 'vitest'
import { failureOf } from '../src/kafkajs/failures.js'
import { toMessage } from '../src/kafkajs/records.js'

const plain = (text: string): string => text

/** An error as kafkajs throws it. */
function thrown(name: string, fields: object = {}): Error {
  return Object.assign(new Error(`${name} happened.`), { name, ...fields })
}

describe('failures of kafkajs', () => {
  it('finds the protocol error under the wrappers', () => {
    const protocol = thrown('KafkaJSProtocolError', { type: 'NOT_LEADER_FOR_PARTITION', code: 6 })
    const wrapped = thrown('KafkaJSNumberOfRetriesExceeded', {
      cause: thrown('KafkaJSNonRetriableError', { cause: protocol }),
    })
    expect(failureOf(wrapped, plain)).toEqual({
      verdict: 'unknown',
      code: 'NOT_LEADER_OR_FOLLOWER',
      message: 'KafkaJSProtocolError happened',
    })
  })

  it('finds the first of several errors', () => {
    const protocol = thrown('KafkaJSCreateTopicError', { type: 'POLICY_VIOLATION', code: 44 })
    expect(failureOf(thrown('KafkaJSAggregateError', { errors: [protocol] }), plain)).toMatchObject({
      verdict: 'failed',
      code: 'POLICY_VIOLATION',
    })
  })

  it.each([
    ['KafkaJSConnectionError', 'unknown'],
    ['KafkaJSConnectionClosedError', 'unknown'],
    ['KafkaJSRequestTimeoutError', 'unknown'],
    ['KafkaJSLockTimeout', 'unknown'],
    ['TypeError', 'unknown'],
    ['KafkaJSBrokerNotFound', 'failed'],
    ['KafkaJSMetadataNotLoaded', 'failed'],
    ['KafkaJSSASLAuthenticationError', 'failed'],
  ])('takes %s for %s', (name, verdict) => {
    expect(failureOf(thrown(name), plain).verdict).toBe(verdict)
  })

  it.each([[undefined], [null], ['text'], [{}], [{ code: 0, type: 'NONE' }]])('doubts %j', (error) => {
    expect(failureOf(error, plain).verdict).toBe('unknown')
  })

  it('lets no secret through', () => {
    const { message } = failureOf(thrown('hunter2'), (text) => text.replaceAll('hunter2', '***'))
    expect(message).toBe('*** happened')
  })
})

describe('messages for kafkajs', () => {
  it('keeps names of headers in order that an object would not', () => {
    const { headers } = toMessage(
      {
        key: null,
        value: null,
        headers: [
          ['b', '1'],
          ['2', '2'],
          ['__proto__', '3'],
          ['b', '4'],
          ['1', '5'],
        ],
      },
      3,
      '1700000000000',
    )
    expect(Object.keys(headers ?? {})).toEqual(['b', '2', '__proto__', '1'])
    expect(headers?.['b']).toEqual(['1', '4'])
    expect(headers?.['__proto__']).toEqual(['3'])
  })
})

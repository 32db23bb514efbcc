import { describe, expect, it } from 'vitest'
import { errorTable, verdictOf } from '../src/index.js'

const named = (verdict: string): readonly string[] =>
  errorTable.filter(([, , found]) => found === verdict).map(([, name]) => name)

describe('error table', () => {
  it('has every code from -1 to 133 once', () => {
    expect(errorTable.map(([code]) => code)).toEqual(Array.from({ length: 135 }, (_, index) => index - 1))
  })

  it('takes only code 0 for written', () => {
    expect(named('written')).toEqual(['NONE'])
  })

  it('rejects only what no retry can change', () => {
    expect(named('rejected')).toEqual(['INVALID_TOPIC_EXCEPTION', 'INVALID_RECORD'])
    expect(named('too-large')).toEqual(['MESSAGE_TOO_LARGE', 'RECORD_LIST_TOO_LARGE'])
  })

  it('doubts whatever may come after an append', () => {
    expect(named('unknown')).toEqual([
      'UNKNOWN_SERVER_ERROR',
      'NOT_LEADER_OR_FOLLOWER',
      'REQUEST_TIMED_OUT',
      'NETWORK_EXCEPTION',
      'NOT_ENOUGH_REPLICAS_AFTER_APPEND',
      'OUT_OF_ORDER_SEQUENCE_NUMBER',
      'DUPLICATE_SEQUENCE_NUMBER',
      'INVALID_PRODUCER_EPOCH',
      'INVALID_PRODUCER_ID_MAPPING',
      'KAFKA_STORAGE_ERROR',
      'UNKNOWN_PRODUCER_ID',
      'FENCED_LEADER_EPOCH',
      'PRODUCER_FENCED',
    ])
  })

  it.each([
    ['UNKNOWN_TOPIC_OR_PARTITION', 3],
    ['TOPIC_AUTHORIZATION_FAILED', 29],
    ['CLUSTER_AUTHORIZATION_FAILED', 31],
    ['NOT_ENOUGH_REPLICAS', 19],
    ['SASL_AUTHENTICATION_FAILED', 58],
    ['THROTTLING_QUOTA_EXCEEDED', 89],
  ])('tries %s again', (name, code) => {
    expect(verdictOf(code)).toEqual({ name, verdict: 'failed' })
  })

  it('doubts a code that it does not know', () => {
    expect(verdictOf(999)).toEqual({ name: 'ERROR_999', verdict: 'unknown' })
  })
})

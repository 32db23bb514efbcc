import { OutboxError, type OutboxErrorCode } from '@outboxkit/core'
import { describe, expect, it } from 'vitest'
import { isMistake } from '../src/worker/database-check.js'

const failed = (code: string): OutboxError =>
  new OutboxError('OUTBOX_DATABASE_FAILED', 'no', { details: { code } })

describe('isMistake', () => {
  it.each([
    '28P01',
    '28000',
    '3D000',
    '42P01',
    '3F000',
    'ER_ACCESS_DENIED_ERROR',
    'ER_BAD_DB_ERROR',
    'ER_DBACCESS_DENIED_ERROR',
    'ER_NO_SUCH_TABLE',
  ])('%s stays wrong until somebody changes something', (code) => {
    expect(isMistake(failed(code))).toBe(true)
  })

  it.each([
    // starting up, too many connections, shut down, a pooler without a server
    '57P03',
    '53300',
    '57P01',
    '08P01',
    'ER_CON_COUNT_ERROR',
    'ECONNREFUSED',
    'ETIMEDOUT',
    'ENOTFOUND',
    'EAI_AGAIN',
    'ECONNRESET',
  ])('%s passes by itself', (code) => {
    expect(isMistake(failed(code))).toBe(false)
  })

  it.each<[OutboxErrorCode, boolean]>([
    ['OUTBOX_SOURCE_UNSUPPORTED', true],
    ['OUTBOX_OPTION_INVALID', true],
    ['OUTBOX_SCHEMA_VERSION', true],
    ['OUTBOX_PRIVILEGE_MISSING', true],
    ['OUTBOX_SOURCE_FAILED', false],
    ['OUTBOX_PUBLISH_RETRY', false],
  ])('%s: %s', (code, expected) => {
    expect(isMistake(new OutboxError(code, 'no'))).toBe(expected)
  })

  it('what is not ours is no mistake of the user', () => {
    expect(isMistake(new TypeError('a bug'))).toBe(false)
  })
})

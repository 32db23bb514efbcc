import { inspect } from 'node:util'
import { describe, expect, it } from 'vitest'
import { failed, isReported, redactorOf } from '../src/mysql/errors.js'
import { mysqlSource } from '../src/mysql/index.js'
import { resolveOptions } from '../src/mysql/options.js'

const url = 'mysql://me:s3cret-pw@127.0.0.1:1/db'

function caught(action: () => unknown): { code?: unknown; message: string } {
  try {
    action()
  } catch (error) {
    return error as { code?: unknown; message: string }
  }
  throw new Error('It should have thrown.')
}

describe('options', () => {
  it('have defaults', () => {
    expect(resolveOptions({ url })).toMatchObject({
      table: { name: 'outbox', schema: undefined, payload: 'json' },
      maxBatchEvents: 1_000,
      maxBatchBytes: 1_048_576,
      noteIntervalMs: 100,
      sweepIntervalMs: 600_000,
      connect: { config: { uri: url }, connectTimeoutMs: 10_000, statementTimeoutMs: 30_000 },
    })
  })

  it.each(['mysql', 'mariadb', 'MySQL', 'mysql2'])('take a URL of %s://', (scheme) => {
    expect(mysqlSource({ url: url.replace('mysql', scheme) }).name).toBe('mysql `outbox`')
  })

  it.each([
    [{}, 'none of url, config and pool is given. Is the environment variable set?'],
    [{ url: '' }, 'url is empty. Is the environment variable set?'],
    [{ url, config: {} }, 'exactly one of url, config and pool'],
    [{ url, sweeep: {} }, "Did you mean 'sweep'?"],
    [{ url, internal: { rule: 'none' } }, 'unsafeRule'],
    [{ url, maxBatchEvents: 0 }, 'maxBatchEvents must be a whole number, 1 or more, got 0'],
    [{ url: 'postgres://me:s3cret-pw@h/db' }, "postgresSource() of '@outboxkit/relay/postgres'"],
    [{ url: 'me:s3cret-pw@h/db' }, 'percent-encoded'],
    [{ url: 'mysql://me:s3cret#pw@h/db' }, 'percent-encoded'],
    [{ url: 'mysql://me:s3cret%pw@h/db' }, 'percent-encoded'],
    [{ url: 'mysql://me:s3cret-pw@h:notaport/db' }, 'percent-encoded'],
    [{ url: `${url}?ssl-mode=REQUIRED` }, 'For TLS give config: { uri, ssl: {} }'],
    [{ url: `${url}?sslaccept=strict` }, 'For TLS give config'],
    [{ pool: {} }, 'pool must be a pool of mysql2'],
  ])('%j is refused, and shows no password', (options, message) => {
    const error = caught(() => mysqlSource(options as never))
    expect(error).toMatchObject({ code: 'OUTBOX_OPTION_INVALID', message: expect.stringContaining(message) })
    expect(inspect(error, { depth: 5 })).not.toContain('s3cret')
  })
})

describe('errors', () => {
  const redactor = redactorOf({ uri: url })
  const fromServer = (errno: number, sqlState = 'HY000', message = 'no'): Error =>
    Object.assign(new Error(message), { errno, sqlState, code: 'ER_OF_THE_DRIVER' })

  it('show no password, in the cause neither', () => {
    const error = failed('Cannot connect', new Error(`at ${url} s3cret-pw`), redactor)
    expect(inspect(error, { depth: 5 })).not.toContain('s3cret')
  })

  it.each([
    [1045, 'Is the password right'],
    [1046, 'names no database'],
    [1049, 'Is the database in the URL'],
    [1146, 'createTablesSql()'],
    [1153, 'max_allowed_packet'],
    [3024, 'statementTimeoutMs'],
  ])('%i says what to do, and keeps the number', (errno, hint) => {
    const error = failed('A statement failed', fromServer(errno), redactor)
    expect(error.message).toContain(hint)
    expect(error.details).toEqual({ errno })
  })

  it.each([
    [1205, 'HY000', true],
    [1213, '40001', true],
    [1146, '42S02', true],
    [1153, '08S01', false],
    [1053, '08S01', false],
    [1927, '70100', false],
    [4031, 'HY000', false],
  ])('%i (%s): the session goes on: %s', (errno, sqlState, goesOn) => {
    expect(isReported(fromServer(errno, sqlState))).toBe(goesOn)
  })

  it('of the operating system end the session', () => {
    expect(isReported(Object.assign(new Error('read'), { errno: -104, code: 'ECONNRESET' }))).toBe(false)
  })
})

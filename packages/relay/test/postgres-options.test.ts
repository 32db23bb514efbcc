import { inspect } from 'node:util'
import { describe, expect, it } from 'vitest'
import { failed, redactorOf } from '../src/postgres/errors.js'
import { postgresSource } from '../src/postgres/index.js'
import { resolveOptions } from '../src/postgres/options.js'

const url = 'postgres://me:s3cret-pw@127.0.0.1:1/db'

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
      rule: 'xids',
      connect: { connectTimeoutMs: 10_000, statementTimeoutMs: 30_000 },
    })
  })

  it.each([
    [{}, 'none of url, config and pool is given. Is the environment variable set?'],
    [{ url: 'mysql://me:s3cret-pw@h/db' }, "mysqlSource() of '@outboxkit/relay/mysql'"],
    [{ url: 'postgres://me:s3cret#pw@h/db' }, 'percent-encoded'],
    [{ url, config: {} }, 'exactly one of url, config and pool'],
    [{ url, sweeep: {} }, "Did you mean 'sweep'?"],
    [{ url, sweep: { interval: 1 } }, 'intervalMs'],
    [{ url, table: { nam: 'x' } }, "Did you mean 'name'?"],
    [{ url, table: { name: '' } }, 'table.name'],
    [{ url, internal: { rule: 'none' } }, 'unsafeRule'],
    [{ url, maxBatchEvents: 0 }, 'maxBatchEvents must be a whole number, 1 or more, got 0'],
    [{ url, maxBatchBytes: 1.5 }, 'maxBatchBytes'],
    [{ url, cleanup: 'keep' }, "cleanup must be 'delete' or 'archive'"],
    [{ url, retentionMs: 5 }, "retentionMs is for cleanup: 'archive'"],
    [{ url, cleanup: 'archive', retentionMs: 0 }, 'retentionMs must be a whole number, 1 or more'],
    [{ url, statementTimeoutMs: '5' }, 'statementTimeoutMs'],
  ])('%j is refused', (options, message) => {
    const error = caught(() => postgresSource(options as never))
    expect(error).toMatchObject({ code: 'OUTBOX_OPTION_INVALID', message: expect.stringContaining(message) })
  })

  it.each([
    'postgres://me:s3cret-pw@[::1:5432/db',
    'postgres://me:s3cret-pw@host:notaport/db',
    'postgres://me:s3cret-pw/x@host/db',
  ])('a broken URL is refused without its password (%#)', (broken) => {
    const error = caught(() => postgresSource({ url: broken }))
    expect(error.code).toBe('OUTBOX_OPTION_INVALID')
    expect(inspect(error, { depth: 10, showHidden: true })).not.toContain('s3cret-pw')
  })

  it('connects to nothing before it is used, and can be closed', async () => {
    const source = postgresSource({ url })
    expect(source.name).toBe('postgres "outbox"')
    expect(inspect(source, { depth: 10, showHidden: true })).not.toContain('s3cret-pw')
    await source.close()
    await source.leases.close()
  })

  it('refuses to work before open()', async () => {
    const source = postgresSource({ url })
    await expect(source.read(new AbortController().signal)).rejects.toMatchObject({
      code: 'OUTBOX_SOURCE_FAILED',
      message: expect.stringContaining('open()'),
    })
    await expect(source.settle({ done: [], held: [] })).rejects.toMatchObject({
      code: 'OUTBOX_SOURCE_FAILED',
    })
  })
})

describe('errors', () => {
  it.each([
    [{ connectionString: 'postgres://me:p%40ss-word@h/db' }, ['p%40ss-word', 'p@ss-word']],
    [{ connectionString: 'postgres://h/db?user=me&password=p%40ss-word' }, ['p%40ss-word', 'p@ss-word']],
    [{ password: 'p@ss-word' }, ['p@ss-word']],
  ])('do not contain the password of %j', (config, secrets) => {
    const cause = Object.assign(
      new Error(`no way: ${secrets.join(' ')} in postgres://me:${secrets[0]}@h/db`),
      {
        input: secrets[0],
        code: '28P01',
        severity: 'FATAL',
      },
    )
    const error = failed('Cannot connect', cause, redactorOf(config))
    expect(error).toMatchObject({ code: 'OUTBOX_SOURCE_FAILED', details: { sqlState: '28P01' } })
    expect(error.message).toContain('no way')
    const shown = inspect(error, { depth: 10, showHidden: true })
    for (const secret of secrets) expect(shown).not.toContain(secret)
  })

  it('do not contain the password of a pool', async () => {
    const options = Object.defineProperty({ user: 'me' }, 'password', {
      value: 'p@ss-word',
      enumerable: false,
    })
    const connect = (): Promise<never> => Promise.reject(new Error('no, p@ss-word is wrong'))
    const error = await postgresSource({ pool: { connect, options } })
      .leases.look()
      .catch((thrown: unknown) => thrown)
    expect(error).toMatchObject({ code: 'OUTBOX_SOURCE_FAILED' })
    expect(inspect(error, { depth: 10, showHidden: true })).not.toContain('p@ss-word')
  })

  it('say what lies inside an error without a message', () => {
    const several = new AggregateError([new Error('refused ::1'), new Error('refused 127.0.0.1')], '')
    expect(failed('Cannot connect', several, redactorOf({})).message).toBe(
      'Cannot connect: refused ::1; refused 127.0.0.1',
    )
    const bare = Object.assign(new Error(''), { code: 'ECONNRESET' })
    expect(failed('Cannot connect', bare, redactorOf({})).message).toBe('Cannot connect: ECONNRESET')
  })

  it('say what to do about a missing table and a missing privilege', () => {
    const error = Object.assign(new Error('relation does not exist'), { code: '42P01' })
    expect(failed('A statement failed', error, redactorOf({})).message).toContain('createTablesSql()')
  })
})

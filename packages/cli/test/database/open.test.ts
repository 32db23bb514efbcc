import { inspect } from 'node:util'
import { describe, expect, test } from 'vitest'
import { openDatabase } from '../../src/database/open.js'

/** Nobody listens on port 1. */
const cases = [
  {
    title: 'a URL of PostgreSQL',
    settings: { dialect: 'postgres', url: 'postgres://me:s3cr%40t@127.0.0.1:1/shop' },
  },
  { title: 'a URL of MySQL', settings: { dialect: 'mysql', url: 'mysql://me:s3cr%40t@127.0.0.1:1/shop' } },
  {
    title: "mysql2's own configuration with a URL inside",
    settings: { dialect: 'mysql', config: { uri: 'mysql://me:s3cr%40t@127.0.0.1:1/shop' } },
  },
] as const

describe('a database that cannot be reached', () => {
  test.each(cases)('$title: the error names the server and no password', async ({ settings }) => {
    const error = await openDatabase(settings).catch((reason: unknown) => reason)
    expect(error).toMatchObject({
      code: 'OUTBOX_DATABASE_FAILED',
      message: expect.stringContaining('127.0.0.1:1/shop'),
    })
    expect(inspect(error, { depth: 10, showHidden: true })).not.toMatch(/s3cr/)
  })

  test('a password of a few letters does not make other words unreadable', async () => {
    const settings = { dialect: 'postgres', url: 'postgres://me:o@127.0.0.1:1/shop' } as const
    await expect(openDatabase(settings)).rejects.toThrow('127.0.0.1:1/shop cannot be reached')
  })

  test('an option beside the URL wins over it, as with mysql2', async () => {
    const config = { uri: 'mysql://me:s3cr%40t@127.0.0.1:1/shop', database: 'other' }
    await expect(openDatabase({ dialect: 'mysql', config })).rejects.toThrow('127.0.0.1:1/other')
  })
})

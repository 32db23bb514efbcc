import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { databases, orms } from './projects.js'
import { packAll, type Tarballs } from './tarballs.js'
import { walk } from './walk.js'

/** All nine in the matrix, one here. */
const cells = orms
  .flatMap((orm) => databases.map((database) => ({ orm, database })))
  .filter(
    ({ orm, database }) =>
      process.env['OUTBOXKIT_NEWCOMER'] === 'all' || `${orm} ${database}` === 'knex postgres',
  )

const urls = { postgres: 'postgresUrl', mysql: 'mysqlUrl', mariadb: 'mariadbUrl' } as const

const folder = mkdtempSync(join(tmpdir(), 'outboxkit-tarballs-'))
let tarballs: Tarballs

beforeAll(async () => {
  tarballs = await packAll(folder)
}, 600_000)

afterAll(() => rmSync(folder, { recursive: true, force: true }))

describe('somebody who has never heard of it', () => {
  it.each(cells)(
    'follows the README with $orm on $database, and sees their event',
    async ({ orm, database }) => {
      const log: string[] = []
      const surroundings = {
        serverUrl: inject(urls[database]),
        brokers: inject('kafkaBrokers'),
        tarballs,
        say: (text: string) => void log.push(text),
      }
      const result = await walk({ orm, database }, surroundings)
      expect(result).toMatchObject({ orm, database, seenInDev: true, seenOnKafka: true, statusOk: true })
      expect(result.commands).toBeLessThanOrEqual(6)
      // The servers of the tests are not durable; nothing else is to be said.
      const notDurable = /^warning (fsync|full-page-writes|innodb-flush|sync-binlog|doublewrite)$/
      expect(result.doctorFindings.filter((finding) => !notDurable.test(finding))).toEqual([])
      expect(log).toContain('$ npx outboxkit init')
    },
  )
})

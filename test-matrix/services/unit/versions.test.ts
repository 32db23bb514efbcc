import { afterEach, expect, test, vi } from 'vitest'
import { requireVersion } from '../mysql-files.js'
import { mariadbFlavours, mysqlFlavours } from '../mysql-flavours.js'
import { mariadbVersion, mysqlVersion, postgresMajor } from '../service.js'

afterEach(() => vi.unstubAllEnvs())

test('the environment chooses the version; the default is the newest', () => {
  for (const name of ['OUTBOXKIT_PG_MAJOR', 'OUTBOXKIT_MYSQL_VERSION', 'OUTBOXKIT_MARIADB_VERSION'])
    vi.stubEnv(name, '')
  expect([postgresMajor(), mysqlVersion(), mariadbVersion()]).toEqual([18, '9.7', '11.8'])
  vi.stubEnv('OUTBOXKIT_PG_MAJOR', '14')
  vi.stubEnv('OUTBOXKIT_MYSQL_VERSION', '8.0.15')
  vi.stubEnv('OUTBOXKIT_MARIADB_VERSION', '10.11')
  expect([postgresMajor(), mysqlVersion(), mariadbVersion()]).toEqual([14, '8.0.15', '10.11'])
  vi.stubEnv('OUTBOXKIT_MYSQL_VERSION', '5.7')
  expect(mysqlVersion).toThrow('OUTBOXKIT_MYSQL_VERSION=5.7: must be one of 9.7, 8.0.31, 8.0.15')
})

test('an update of a release is taken, another release is not', () => {
  expect(() => requireVersion(mysqlFlavours['9.7'], '9.7.12')).not.toThrow()
  expect(() => requireVersion(mysqlFlavours['8.0.31'], '8.0.31')).not.toThrow()
  expect(() => requireVersion(mysqlFlavours['9.7'], '9.70.1')).toThrow(
    'MySQL 9.7 was asked for, Debian sid now has 9.70.1: use Docker',
  )
  expect(() => requireVersion(mariadbFlavours['10.11'], '11.8.9')).toThrow('Debian bookworm now has 11.8.9')
})

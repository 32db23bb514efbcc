/* oxlint-disable vitest/valid-title -- the titles are those of the other run */
import { describe, expect, inject, test } from 'vitest'
import { services } from '../../services/service.js'
import { runFiles } from './run-files.js'

// @platformatic/kafka needs a newer Node.js than the oldest that the tests run on. The files that use it run in a
// vitest of their own on Node 24, on the same servers; each of their tests is a test here.
const folder = 'packages/kafka/test-servers'
const files = await runFiles(
  24,
  ['drivers', 'driver-security', 'platformatic-driver', 'platformatic-publisher'].map(
    (name) => `${folder}/${name}.test.ts`,
  ),
  {
    [services.postgres.variable]: inject('postgresUrl'),
    [services.mysql.variable]: inject('mysqlUrl'),
    [services.mariadb.variable]: inject('mariadbUrl'),
    [services.kafka.variable]: inject('kafkaBrokers'),
  },
)

for (const { path, tests } of files)
  describe(`on Node 24: ${path}`, () => {
    for (const { title, status, reason } of tests)
      test(title, ({ skip }) => {
        if (status === 'skipped') skip(reason)
        expect(status, reason).toBe('passed')
      })
  })

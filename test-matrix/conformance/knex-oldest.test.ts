import { createRequire } from 'node:module'
import { adapterSuite, mysqlAdapterSuite } from '@outboxkit/testing/conformance'
import type { Knex } from 'knex'
import { expect, test } from 'vitest'
import { mariadbDatabase, mysqlDatabase, postgresDatabase } from './databases.js'
import { knexHarness } from './knex-harness.js'

// The workspace test-matrix/orms/knex-oldest pins the lower end of the peer range.
const require = createRequire(new URL('../orms/knex-oldest/package.json', import.meta.url))
const { version } = require('knex/package.json') as { version: string }
const knex = require('knex') as (config: Knex.Config) => Knex

test('is the oldest supported version', () => expect(version).toBe('2.5.1'))
adapterSuite(knexHarness('knex 2.5.1', knex, postgresDatabase()))
for (const database of [mysqlDatabase(), mariadbDatabase()]) {
  adapterSuite(knexHarness('knex 2.5.1', knex, database))
  mysqlAdapterSuite(knexHarness('knex 2.5.1', knex, database))
}

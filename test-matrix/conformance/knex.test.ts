import { adapterSuite, mysqlAdapterSuite } from '@outboxkit/testing/conformance'
import knex from 'knex'
import { mariadbDatabase, mysqlDatabase, postgresDatabase } from './databases.js'
import { knexHarness } from './knex-harness.js'

adapterSuite(knexHarness('knex', knex, postgresDatabase()))
for (const database of [mysqlDatabase(), mariadbDatabase()]) {
  adapterSuite(knexHarness('knex', knex, database))
  mysqlAdapterSuite(knexHarness('knex', knex, database))
}

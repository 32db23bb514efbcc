import { adapterSuite } from '@outboxkit/testing/conformance'
import knex from 'knex'
import { mariadbDatabase, mysqlDatabase, postgresDatabase } from './databases.js'
import { knexHarness } from './knex-harness.js'

adapterSuite(knexHarness('knex', knex, postgresDatabase()))
adapterSuite(knexHarness('knex', knex, mysqlDatabase()))
adapterSuite(knexHarness('knex', knex, mariadbDatabase()))

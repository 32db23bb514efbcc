import { adapterSuite } from '@outboxkit/testing/conformance'
import knex from 'knex'
import { inject } from 'vitest'
import { knexHarness } from './knex-harness.js'

adapterSuite(knexHarness('knex', knex, inject('postgresUrl')))

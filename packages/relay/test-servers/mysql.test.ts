import { leaseSuite, sourceSuite } from '@outboxkit/testing/conformance'
import { inject } from 'vitest'
import { mysqlHarness, mysqlLeaseHarness } from './mysql-harness.js'

const url = (): string => inject('mysqlUrl')

sourceSuite(mysqlHarness('mysql', url))
leaseSuite(mysqlLeaseHarness('mysql', url))

import { leaseSuite, sourceSuite } from '@outboxkit/testing/conformance'
import { inject } from 'vitest'
import { mysqlHarness, mysqlLeaseHarness } from './mysql-harness.js'

const url = (): string => inject('mariadbUrl')

sourceSuite(mysqlHarness('mariadb', url))
leaseSuite(mysqlLeaseHarness('mariadb', url))

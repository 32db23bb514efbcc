import { leaseSuite, sourceSuite } from '@outboxkit/testing/conformance'
import { inject } from 'vitest'
import { postgresHarness, postgresLeaseHarness } from './postgres-harness.js'

const url = (): string => inject('postgresUrl')

sourceSuite(postgresHarness(url))
leaseSuite(postgresLeaseHarness(url))

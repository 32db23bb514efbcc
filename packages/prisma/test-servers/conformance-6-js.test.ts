import { adapterSuite } from '@outboxkit/testing/conformance'
import { inject } from 'vitest'
import { prismaHarness } from './support/harness.js'
import { targets } from './support/targets.js'

adapterSuite(await prismaHarness(targets['prisma 6.16, prisma-client-js'], inject('postgresUrl')))

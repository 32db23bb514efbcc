import { expect, test } from 'vitest'
import { confluentSkip, runsConfluent } from '../../packages/kafka/test-servers/support/confluent.js'
import { suiteWhere } from '../../packages/kafka/test-servers/support/suite-where.js'
import { nodeBinary } from '../services/node.js'
import type { RelayConfig } from '../workload/relay-config.js'
import { contended } from './contended.js'

// As order.test.ts, with the relay on another Kafka driver: nothing else is different.
const events = 2_000

orderTest('platformatic, on Node 24', async () => ({ driver: 'platformatic', node: await nodeBinary(24) }))
suiteWhere(runsConfluent, confluentSkip, () => orderTest('confluent', async () => ({ driver: 'confluent' })))

function orderTest(name: string, relay: () => Promise<Partial<RelayConfig>>): void {
  test(
    `${events} contended events arrive once or more, in order, through kill -9 and take-over: ${name}`,
    { timeout: 300_000 },
    async () => {
      const { failures } = await contended('postgres', events, 2, await relay())
      expect(failures).toEqual([])
    },
  )
}

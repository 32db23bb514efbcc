import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { contentTests } from './driver-content.js'
import { faultTests } from './driver-faults.js'
import type { ClusterUnderTest, DriverHarness, DriverSuite, DriverUnderTest } from './driver-harness.js'
import { topicTests } from './driver-topics.js'

/**
 * The contract of a Kafka driver, clause by clause (docs/kafka.md), against a real broker behind a network that
 * can be disturbed. Call it at the top level of a test file:
 *
 *     driverSuite({ name: 'kafkajs', openCluster, createDriver })
 */
export function driverSuite(harness: DriverHarness): void {
  describe(`driver contract: ${harness.name}`, () => {
    let cluster: ClusterUnderTest | undefined
    let drivers: DriverUnderTest[] = []
    const suite: DriverSuite = {
      describesConfig: harness.describesConfig ?? true,
      get cluster() {
        if (cluster === undefined) throw new Error('the cluster is not open yet')
        return cluster
      },
      driver() {
        const driver = harness.createDriver(this.cluster.bootstrap)
        drivers.push(driver)
        return driver
      },
    }
    beforeAll(async () => {
      cluster = await harness.openCluster()
    })
    afterEach(async () => {
      await cluster?.network.heal()
      await Promise.all(drivers.map((driver) => driver.close()))
      drivers = []
    })
    afterAll(async () => {
      await cluster?.close()
    })

    test('has a name', () => {
      expect(suite.driver().name).not.toBe('')
    })
    contentTests(suite)
    topicTests(suite)
    faultTests(suite)
  })
}

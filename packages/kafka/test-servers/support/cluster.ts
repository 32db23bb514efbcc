import type { ClusterUnderTest, FaultUnderTest, NetworkUnderTest } from '@outboxkit/testing/conformance'
import type { FaultProxy, Piece, Rule } from '../../../../test-matrix/services/fault-proxy.js'
import { startKafkaBehindProxies } from '../../../../test-matrix/services/kafka-behind-proxies.js'
import {
  createTopic,
  readTopic,
  uniqueTopic,
  withAdmin,
} from '../../../../test-matrix/services/test-context.js'

const produce = 0

/** One broker of its own, reached through a proxy; topics are made and read past the proxy. */
export async function openCluster(): Promise<ClusterUnderTest> {
  const cluster = await startKafkaBehindProxies()
  const { kafka, bootstrap } = cluster
  const [proxy] = cluster.proxies
  if (proxy === undefined) throw new Error('no proxy was started')
  return {
    bootstrap: bootstrap.split(','),
    network: networkOf(proxy),
    createTopic: ({ partitions = 1, config = {} } = {}) =>
      createTopic(kafka.bootstrap, uniqueTopic('driver'), { partitions, replicas: 1, config }),
    deleteTopic: (topic) => withAdmin(kafka.bootstrap, (admin) => admin.deleteTopics({ topics: [topic] })),
    topicExists: (topic) =>
      withAdmin(kafka.bootstrap, async (admin) => (await admin.listTopics()).includes(topic)),
    read: (topic) => readTopic(kafka.bootstrap, topic),
    close: () => cluster.stop(),
  }
}

export function networkOf(proxy: FaultProxy): NetworkUnderTest {
  const produced: { acks: number }[] = []
  const rules: Rule[] = []
  // It never takes effect: it only looks.
  proxy.when((piece) => {
    if (piece.direction === 'up' && piece.request?.apiKey === produce) produced.push({ acks: acksOf(piece) })
    return false
  }, 'drop')
  const rule = (made: Rule): FaultUnderTest => {
    rules.push(made)
    return made
  }
  return {
    produced,
    get openConnections() {
      return proxy.connections
    },
    dropAnswer: () => rule(proxy.dropResponse({ apiKey: produce })),
    delayRequest: (ms) => rule(proxy.delayRequest({ apiKey: produce, ms })),
    cutOn: (when) => rule(proxy.cutOn({ apiKey: produce, when })),
    silence: () => proxy.set('both', 'drop'),
    async heal() {
      for (const each of rules.splice(0)) each.remove()
      await proxy.heal()
    },
    async shut() {
      await proxy.refuse()
      proxy.reset()
    },
  }
}

/** Produce, versions 3 to 8: client id, transactional id, then acks. */
function acksOf({ bytes }: Piece): number {
  let offset = 4 + 8
  for (let strings = 0; strings < 2; strings++) offset += 2 + Math.max(0, bytes.readInt16BE(offset))
  return bytes.readInt16BE(offset)
}

import type { ClusterUnderTest, FaultUnderTest, NetworkUnderTest } from '@outboxkit/testing/conformance'
import type { FaultProxy, KafkaRequest, Rule } from '../../../../test-matrix/services/fault-proxy.js'
import { startKafkaBehindProxies } from '../../../../test-matrix/services/kafka-behind-proxies.js'
import { readTopic, uniqueTopic, withAdmin } from '../../../../test-matrix/services/test-context.js'
import { readProduceRequest } from './produce-request.js'
import { createTopic } from './topics.js'

type ProducedRequest = NetworkUnderTest['produced'][number]

const produce = 0

export interface ClusterBehindProxy extends ClusterUnderTest {
  /** host:port of the broker itself. */
  readonly direct: string
}

/** One broker of its own, reached through a proxy; topics are made and read past the proxy. */
export async function openCluster(): Promise<ClusterBehindProxy> {
  const cluster = await startKafkaBehindProxies()
  const { kafka, bootstrap } = cluster
  const [proxy] = cluster.proxies
  if (proxy === undefined) throw new Error('no proxy was started')
  return {
    direct: kafka.bootstrap,
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
  const produced: ProducedRequest[] = []
  const unanswered = new Map<KafkaRequest, ProducedRequest>()
  /** Their answers are here, and not at the client yet. */
  const held = new Set<KafkaRequest>()
  let holding = false
  const rules: Rule[] = []
  // It never takes effect: it only looks.
  proxy.when((piece) => {
    const { direction, request } = piece
    if (request?.apiKey !== produce) return false
    if (direction === 'up') {
      const seen = { ...readProduceRequest(piece, request), during: [...unanswered.values()] }
      produced.push(seen)
      unanswered.set(request, seen)
    } else if (holding) held.add(request)
    else unanswered.delete(request)
    return false
  }, 'drop')
  const release = (): void => {
    holding = false
    for (const request of held) unanswered.delete(request)
    held.clear()
  }
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
    holdAnswers() {
      holding = true
      proxy.set('down', 'hold')
    },
    passAnswers() {
      // First the book, then the bytes: what the client sends in return comes later.
      release()
      proxy.set('down', 'pass')
    },
    silence: () => proxy.set('both', 'drop'),
    async heal() {
      for (const each of rules.splice(0)) each.remove()
      release()
      await proxy.heal()
    },
    async shut() {
      await proxy.refuse()
      proxy.reset()
    },
  }
}

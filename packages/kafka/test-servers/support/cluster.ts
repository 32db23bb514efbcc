import type { ClusterUnderTest, FaultUnderTest, NetworkUnderTest } from '@outboxkit/testing/conformance'
import type { FaultProxy, KafkaRequest, Piece, Rule } from '../../../../test-matrix/services/fault-proxy.js'
import { startKafkaBehindProxies } from '../../../../test-matrix/services/kafka-behind-proxies.js'
import { readTopic, uniqueTopic, withAdmin } from '../../../../test-matrix/services/test-context.js'
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
      const seen = { ...contentOf(piece, request), during: [...unanswered.values()] }
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

/** Produce, versions 3 to 8: client id, transactional id, acks, time-out, then topics with their partitions. */
function contentOf({ bytes }: Piece, { apiVersion }: KafkaRequest): Pick<ProducedRequest, 'acks' | 'places'> {
  if (apiVersion < 3 || apiVersion > 8) throw new Error(`produce version ${apiVersion} cannot be read here`)
  let offset = 4 + 8
  const int32 = (): number => bytes.readInt32BE((offset += 4) - 4)
  const text = (): string => {
    const length = Math.max(0, bytes.readInt16BE(offset))
    offset += 2 + length
    return bytes.toString('utf8', offset - length, offset)
  }
  text()
  text()
  const acks = bytes.readInt16BE(offset)
  offset += 2 + 4
  const places: { topic: string; partition: number }[] = []
  for (let topics = int32(); topics > 0; topics--) {
    const topic = text()
    for (let partitions = int32(); partitions > 0; partitions--) {
      places.push({ topic, partition: int32() })
      const length = int32()
      offset += Math.max(0, length)
    }
  }
  return { acks, places }
}

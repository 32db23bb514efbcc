import type { KafkaOptions } from './server.js'

export interface NodePorts {
  readonly client: number
  readonly controller: number
  /** The second listener for clients, and the port that it tells them; 0 without `advertise`. */
  readonly proxied: number
  readonly advertised: number
  /** 0 without SASL. */
  readonly sasl: number
}

/** Small and quick to start: tests are many, and none measures throughput. */
export const jvmFlags = (heap = '256m'): string[] => [
  `-Xmx${heap}`,
  '-Xms48m',
  '-Xss512k',
  '-XX:+UseSerialGC',
  '-XX:-UsePerfData',
  '-XX:ReservedCodeCacheSize=64m',
  '-XX:TieredStopAtLevel=1',
  '-Djava.awt.headless=true',
  '-Dorg.slf4j.simpleLogger.defaultLogLevel=warn',
  '-Dorg.slf4j.simpleLogger.showDateTime=true',
  '-Dorg.slf4j.simpleLogger.dateTimeFormat=HH:mm:ss.SSS',
]

interface Node {
  readonly id: number
  readonly nodes: readonly NodePorts[]
  readonly dataFolder: string
  readonly config?: KafkaOptions['config']
  readonly sasl?: KafkaOptions['sasl']
}

export function serverProperties({ id, nodes, dataFolder, config, sasl }: Node): string {
  const own = nodes[id - 1]
  if (!own) throw new Error(`no node ${id}`)
  const listeners = [
    { name: 'PLAINTEXT', protocol: 'PLAINTEXT', port: own.client, advertised: own.client },
    { name: 'PROXIED', protocol: 'PLAINTEXT', port: own.proxied, advertised: own.advertised },
    { name: 'SASL', protocol: 'SASL_PLAINTEXT', port: own.sasl, advertised: own.sasl },
    { name: 'CONTROLLER', protocol: 'PLAINTEXT', port: own.controller, advertised: 0 },
  ].filter(({ port }) => port > 0)
  const address = (name: string, port: number): string => `${name}://127.0.0.1:${port}`
  const lines = {
    'process.roles': 'broker,controller',
    'node.id': id,
    listeners: listeners.map(({ name, port }) => address(name, port)).join(),
    'advertised.listeners': listeners
      .flatMap(({ name, advertised }) => (advertised > 0 ? [address(name, advertised)] : []))
      .join(),
    'listener.security.protocol.map': listeners.map(({ name, protocol }) => `${name}:${protocol}`).join(),
    'controller.listener.names': 'CONTROLLER',
    'inter.broker.listener.name': 'PLAINTEXT',
    'controller.quorum.voters': nodes.map(({ controller }, i) => `${i + 1}@127.0.0.1:${controller}`).join(),
    'log.dirs': dataFolder,
    ...clientSettings(nodes.length, sasl),
    ...config,
  }
  return Object.entries(lines)
    .map(([key, value]) => `${key}=${value}\n`)
    .join('')
}

/** What does not depend on where the brokers run. */
export function clientSettings(
  nodes: number,
  sasl: KafkaOptions['sasl'],
): Record<string, string | number | boolean> {
  return { ...replication(nodes), ...quickAndSmall, ...(sasl && saslLines(sasl)) }
}

/** Everything on every node, the internal topics too: a test may kill any of three. */
function replication(nodes: number): Record<string, number> {
  const inSync = nodes > 1 ? 2 : 1
  return {
    'default.replication.factor': nodes,
    'min.insync.replicas': inSync,
    'offsets.topic.replication.factor': nodes,
    'transaction.state.log.replication.factor': nodes,
    'transaction.state.log.min.isr': inSync,
    'share.coordinator.state.topic.replication.factor': nodes,
    'share.coordinator.state.topic.min.isr': inSync,
  }
}

const quickAndSmall = {
  'num.partitions': 1,
  'offsets.topic.num.partitions': 1,
  'transaction.state.log.num.partitions': 1,
  'share.coordinator.state.topic.num.partitions': 1,
  'group.initial.rebalance.delay.ms': 0,
  'group.min.session.timeout.ms': 1000,
  // How long a killed leader stays the leader; the default is 9 s.
  'broker.session.timeout.ms': 3000,
  'broker.heartbeat.interval.ms': 500,
  'controller.quorum.election.timeout.ms': 500,
  'controller.quorum.fetch.timeout.ms': 1000,
  'controller.quorum.election.backoff.max.ms': 500,
  'num.network.threads': 2,
  'num.io.threads': 2,
  'background.threads': 2,
  // The default is 128 MiB of heap.
  'log.cleaner.dedupe.buffer.size': 4_194_304,
  'log.cleaner.io.buffer.size': 131_072,
  // A wrong topic name must be an error.
  'auto.create.topics.enable': false,
}

/** Clients of the plain listener stay anonymous and may do everything; ACLs bind the users of the SASL listener. */
function saslLines(users: Readonly<Record<string, string>>): Record<string, string> {
  const list = Object.entries(users).map(([name, password]) => `user_${name}="${password}"`)
  const jaas = `org.apache.kafka.common.security.plain.PlainLoginModule required ${list.join(' ')};`
  return {
    'listener.name.sasl.sasl.enabled.mechanisms': 'PLAIN',
    'listener.name.sasl.plain.sasl.jaas.config': jaas,
    'authorizer.class.name': 'org.apache.kafka.metadata.authorizer.StandardAuthorizer',
    'super.users': 'User:ANONYMOUS',
    'allow.everyone.if.no.acl.found': 'true',
  }
}

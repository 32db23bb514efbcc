import { docker, launch, removeWithThisProcess, uniqueName } from './docker.js'
import { clientSettings } from './kafka-config.js'
import { kafkaVersion } from './kafka-files.js'
import { clusterSeenBy } from './kafka-wire.js'
import { freePort, until } from './run.js'
import type { KafkaOptions, KafkaServer } from './server.js'

const INTERNAL_PORT = 19_092
const CONTROLLER_PORT = 19_093

interface Listener {
  readonly name: string
  readonly protocol: string
  readonly port: number
  readonly advertised: string
}

export async function startKafkaContainers(options: KafkaOptions): Promise<KafkaServer> {
  const network = uniqueName('kafka')
  const names = Array.from({ length: options.brokers ?? 1 }, (_, i) => `${network}-${i + 1}`)
  await docker('network', 'create', '--label', 'outboxkit=services', network)
  removeWithThisProcess(`docker rm -f -v ${names.join(' ')}; docker network rm ${network}`)
  const stop = async (): Promise<void> => {
    await docker('rm', '-f', '-v', ...names)
    await docker('network', 'rm', network)
  }
  try {
    const listeners = await Promise.all(names.map((name, i) => clientListeners(name, i, options)))
    await Promise.all(
      names.map((name, i) => launchBroker(name, i, network, names, listeners[i] ?? [], options)),
    )
    const addresses = (kind: string): string[] =>
      listeners.flatMap((list) => list.flatMap((one) => (one.name === kind ? [one.advertised] : [])))
    const brokers = addresses('PLAINTEXT')
    await Promise.all(brokers.map((broker) => kafkaReady(broker, brokers.length)))
    const name = (index: number): string => names[index] ?? ''
    return {
      version: kafkaVersion,
      brokers,
      bootstrap: brokers.join(),
      proxied: addresses('PROXIED'),
      sasl: addresses('SASL'),
      kill: async (index, signal = 'SIGKILL') => {
        await docker('kill', '-s', signal, name(index))
        await docker('wait', name(index))
      },
      async restart(index) {
        await docker('restart', name(index))
        await kafkaReady(brokers[index] ?? '', 1)
      },
      pause: async (index) => void (await docker('pause', name(index))),
      resume: async (index) => void (await docker('unpause', name(index))),
      stop,
    }
  } catch (error) {
    await stop()
    throw error
  }
}

const kafkaReady = (broker: string, count: number): Promise<true> =>
  until(
    async () => {
      const view = await clusterSeenBy(broker)
      return view && view.brokers.size >= count && view.controller > 0 ? true : undefined
    },
    () => `Kafka at ${broker} is not ready`,
    90_000,
    100,
  )

async function clientListeners(
  name: string,
  index: number,
  { advertise, sasl }: KafkaOptions,
): Promise<Listener[]> {
  const own = async (listener: string, protocol: string): Promise<Listener> => {
    const port = await freePort()
    return { name: listener, protocol, port, advertised: `127.0.0.1:${port}` }
  }
  const internal = {
    name: 'INTERNAL',
    protocol: 'PLAINTEXT',
    port: INTERNAL_PORT,
    advertised: `${name}:${INTERNAL_PORT}`,
  }
  const list = [internal, await own('PLAINTEXT', 'PLAINTEXT')]
  if (advertise) {
    const proxied = await own('PROXIED', 'PLAINTEXT')
    list.push({ ...proxied, advertised: `127.0.0.1:${await advertise(index, proxied.port)}` })
  }
  if (sasl) list.push(await own('SASL', 'SASL_PLAINTEXT'))
  return list
}

async function launchBroker(
  name: string,
  index: number,
  network: string,
  names: readonly string[],
  listeners: readonly Listener[],
  { config, sasl, heap = '256m' }: KafkaOptions,
): Promise<void> {
  const settings = {
    'process.roles': 'broker,controller',
    'node.id': index + 1,
    listeners: [...listeners, { name: 'CONTROLLER', port: CONTROLLER_PORT }]
      .map((l) => `${l.name}://0.0.0.0:${l.port}`)
      .join(),
    'advertised.listeners': listeners.map((l) => `${l.name}://${l.advertised}`).join(),
    'listener.security.protocol.map': [
      'CONTROLLER:PLAINTEXT',
      ...listeners.map((l) => `${l.name}:${l.protocol}`),
    ].join(),
    'controller.listener.names': 'CONTROLLER',
    'inter.broker.listener.name': 'INTERNAL',
    'controller.quorum.voters': names.map((host, i) => `${i + 1}@${host}:${CONTROLLER_PORT}`).join(),
    ...clientSettings(names.length, sasl),
    ...config,
  }
  // The image turns KAFKA_NODE_ID into node.id.
  const environment = Object.entries(settings).flatMap(([key, value]) => [
    '-e',
    `KAFKA_${key.replaceAll('.', '_').toUpperCase()}=${value}`,
  ])
  const ports = listeners.flatMap((l) =>
    l.name === 'INTERNAL' ? [] : ['-p', `127.0.0.1:${l.port}:${l.port}`],
  )
  const machine = ['-e', `KAFKA_HEAP_OPTS=-Xmx${heap}`, '-e', 'CLUSTER_ID=outboxkitAAAAAAAAAAAAA']
  await launch(name, `apache/kafka:${kafkaVersion}`, [
    '--network',
    network,
    ...ports,
    ...machine,
    ...environment,
  ])
}

import { startFaultProxy } from './fault-proxy.js'
import type { FaultProxy } from './fault-proxy.js'
import { startKafka } from './kafka.js'
import type { KafkaOptions, KafkaServer } from './server.js'

export interface KafkaBehindProxies {
  readonly kafka: KafkaServer
  /** One per broker, in the order of `kafka.brokers`. They refuse connections while `kafka` has the broker killed. */
  readonly proxies: readonly FaultProxy[]
  /** What the code under test connects to: it is told the proxies' addresses only. The brokers' own stay undisturbed. */
  readonly bootstrap: string
  stop(): Promise<void>
}

export async function startKafkaBehindProxies(
  options: Omit<KafkaOptions, 'advertise'> = {},
): Promise<KafkaBehindProxies> {
  const proxies: FaultProxy[] = []
  const kafka = await startKafka({
    ...options,
    advertise: async (broker, port) => {
      await proxies[broker]?.close()
      const proxy = await startFaultProxy({ port, protocol: 'kafka' })
      proxies[broker] = proxy
      return proxy.port
    },
  })
  // A proxy alone could only accept and reset, which clients take for a broker that lives.
  const withProxies: KafkaServer = {
    ...kafka,
    pause: (broker) => kafka.pause(broker),
    resume: (broker) => kafka.resume(broker),
    stop: () => kafka.stop(),
    async kill(broker, signal) {
      await proxies[broker]?.refuse()
      await kafka.kill(broker, signal)
    },
    async restart(broker) {
      await kafka.restart(broker)
      await proxies[broker]?.heal()
    },
  }
  return {
    kafka: withProxies,
    proxies,
    bootstrap: kafka.proxied.join(),
    async stop() {
      await Promise.all(proxies.map((proxy) => proxy.close()))
      await kafka.stop()
    },
  }
}

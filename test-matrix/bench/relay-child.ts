// The relay, in a process of its own as in production: default options, and a few lines that say what happens.
import { kafkaPublisher } from '@outboxkit/kafka'
import { createRelay } from '@outboxkit/relay'
import { childConfig, cpuMs, listen, monotonicMs, say } from './child-side.js'
import { openDriver, openSource } from './parts.js'
import type { RelayConfig, RelayLine } from './relay.js'

const config = childConfig<RelayConfig>()
const tell = (line: RelayLine): void => say(line)

const relay = createRelay({
  source: await openSource(config.database, config.url),
  publisher: kafkaPublisher({
    driver: await openDriver(config.driver, config.brokers),
    topic: config.topic,
    onWarning: () => undefined,
  }),
  ...(config.sleepAfterMs === undefined ? {} : { idle: { sleepAfterMs: config.sleepAfterMs } }),
})

relay.on('owner', () => tell({ state: 'owner', at: monotonicMs(), cpuMs: cpuMs() }))
relay.on('asleep', () => tell({ state: 'asleep' }))
relay.on('fault', ({ phase, error }) => tell({ state: 'fault', phase, message: error.message }))
relay.on('held', ({ events }) => tell({ state: 'fault', phase: 'held', message: `${events.length} events` }))

let isOver = false
const watch = setInterval(() => {
  const { settled } = relay.metrics()
  if (isOver || config.until === undefined || settled < config.until) return
  isOver = true
  tell({ state: 'reached', at: monotonicMs(), settled, cpuMs: cpuMs() })
}, 5)
const progress = setInterval(
  () => tell({ state: 'progress', at: monotonicMs(), settled: relay.metrics().settled }),
  100,
)

listen(() => {
  clearInterval(watch)
  clearInterval(progress)
  void relay.stop().then(() => {
    const maxRssMiB = process.resourceUsage().maxRSS / 1024
    tell({ state: 'stopped', cpuMs: cpuMs(), maxRssMiB, metrics: relay.metrics() })
    // Not process.exit(): a CPU profile is written when the loop is empty.
    process.stdin.destroy()
  })
})

await relay.start()

import { writeSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { cloudEvents } from '@outboxkit/core'
import { kafkaPublisher } from '@outboxkit/kafka'
import { createRelay, type FaultPoint } from '@outboxkit/relay'
import { relaySource } from './databases/relay-source.js'
import { plantedPublisher } from './planted.js'
import type { RelayConfig, RelayState } from './relay-config.js'
import { relayDriver } from './relay-driver.js'

/**
 * One relay in a process of its own, so that kill -9 and SIGSTOP are real. Its configuration is the only argument,
 * as JSON; each change of its state is one line of JSON on standard output. It ends when standard input does, so
 * that a killed test leaves no relay behind.
 */
const config = JSON.parse(process.argv[2] ?? '{}') as RelayConfig

/** Synchronously: the last line before a kill -9 must come out too. */
function say(state: RelayState): void {
  writeSync(1, `${JSON.stringify(state)}\n`)
}

let seen = 0
async function onPoint(point: FaultPoint): Promise<void> {
  const { dieAt } = config
  if (dieAt?.point !== point || (seen += 1) !== dieAt.occurrence) return
  // Late enough for bytes that are being written to have left, or for the statement to have been executed.
  if (dieAt.delayMs !== undefined) await sleep(dieAt.delayMs)
  say({ state: 'dying', point })
  process.kill(process.pid, 'SIGKILL')
}

// A call must not outlive the lease.
const publishTimeoutMs = Math.min(10_000, Math.floor(config.termMs * 0.6))
const relay = createRelay({
  source: relaySource(config),
  publisher: plantedPublisher(
    config.planted,
    kafkaPublisher({
      driver: await relayDriver(config),
      topic: config.topic,
      envelope: cloudEvents({ source: config.source }),
      publishTimeoutMs,
    }),
  ),
  lease: { termMs: config.termMs },
  publishTimeoutMs,
  internal: { onPoint },
})

let published = 0
relay.on('owner', ({ epoch }) => say({ state: 'owner', epoch }))
relay.on('standby', () => say({ state: 'standby' }))
relay.on('published', ({ events }) => say({ state: 'published', total: (published += events.length) }))
relay.on('held', ({ events }) => say({ state: 'held', reason: events[0]?.reason ?? '' }))
relay.on('late', ({ count }) => say({ state: 'late', count }))
relay.on('fault', ({ phase, error }) =>
  say({ state: 'fault', phase, message: `${error.code}: ${error.message}` }),
)
relay.on('stopped', ({ error }) =>
  say({ state: 'stopped', ...(error === undefined ? {} : { error: error.message }) }),
)

process.stdin.resume()
process.stdin.on('end', () => process.exit(0))
process.on('SIGTERM', () => {
  void relay.stop().then(() => process.exit(0))
})

await relay.start()
say({ state: 'started' })

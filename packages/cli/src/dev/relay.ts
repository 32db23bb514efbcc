import { isOutboxError, type StoredEvent } from '@outboxkit/core'
import { kafkaPublisher } from '@outboxkit/kafka'
import { createRelay, type Relay } from '@outboxkit/relay'
import type { ResolvedOutbox } from '../config/resolved.js'
import { devSource, isServed, servedByAnother } from './dev-source.js'
import { memoryDriver } from './memory-driver.js'
import { devOwner, isDev } from './owner.js'
import type { DevPrinter } from './print.js'

/** Shorter than any lease that makes sense, in ms. */
const publishTimeoutMs = 5_000

/**
 * Runs the relay of this outbox with a topic in memory, until the signal comes. Resolves with `served` when somebody
 * else has published from here, and nothing was taken. Rejects for what no retry cures.
 */
export async function relayInMemory(
  outbox: ResolvedOutbox,
  { printer, signal, force }: { printer: DevPrinter; signal: AbortSignal; force: boolean },
): Promise<'served' | 'ended'> {
  const topicOf = (event: StoredEvent): string | null => safely(() => outbox.kafka?.topicOf(event) ?? null)
  const publisher = kafkaPublisher({
    driver: memoryDriver(),
    route: (event) => topicOf(event) ?? undefined,
    publishTimeoutMs,
    onWarning: () => undefined,
  })
  // Its warnings are what doctor has said. Nothing is archived: a replay would send what Kafka never got.
  const source = outbox.createSource({ onWarning: () => undefined, archives: false })
  const { internal: _, idle: __, ...options } = outbox.relay
  const relay = createRelay({
    ...options,
    // Somebody is watching.
    poll: { minMs: 2, maxMs: 50 },
    source: devSource(source, outbox, force),
    publisher,
    signal,
    internal: { ownerPrefix: devOwner },
  })
  report(relay, printer, (event) => safely(() => publisher.topicOf(event)))
  let served = false
  const giveUp = (): void => {
    served = true
    void relay.stop()
  }
  // Later on, when another relay has come, or has come and gone: whoever retries would take its events.
  relay.on('fault', ({ error }) => {
    if (error.details['reason'] === servedByAnother) giveUp()
  })
  relay.on('standby', async ({ owner, epoch }) => {
    const isRelay = await isServed(outbox)
    if (isRelay && !force) giveUp()
    else printer.warn('standby', standbyText(owner, epoch))
  })
  try {
    // Ended while the database was looked at.
    if (signal.aborted) return 'ended'
    await relay.start()
    await relay.finished
    return served ? 'served' : 'ended'
  } catch (error) {
    if (isOutboxError(error) && error.details['reason'] === servedByAnother) return 'served'
    if (signal.aborted && error === signal.reason) return 'ended'
    throw error
  } finally {
    await relay.stop()
  }
}

function report(relay: Relay, printer: DevPrinter, topicOf: (event: StoredEvent) => string | null): void {
  let fault = ''
  relay
    .on('owner', () => {
      fault = ''
      printer.state('waiting', 'Waiting for events.')
    })
    .on('published', ({ events }) => {
      for (const event of events) printer.event(event, topicOf(event))
    })
    .on('held', ({ events }) => {
      for (const held of events) printer.held(held, topicOf(held.event))
    })
    .on('skipped', ({ event, error }) =>
      printer.held(
        { event, kind: 'key', scope: '', code: error.code, reason: error.message, attempts: 1 },
        topicOf(event),
      ),
    )
    .on('lifted', ({ kind, scope }) =>
      printer.state('lifted', `Nothing is held any more by ${kind}: ${scope}`),
    )
    .on('late', ({ count }) => printer.warn('late', `${count} events came late, out of order.`))
    .on('fault', ({ phase, error }) => {
      if (error.details['reason'] === servedByAnother || error.message === fault) return
      fault = error.message
      printer.warn('fault', `${error.message} (${phase}). Trying again.`, { code: error.code })
    })
}

function standbyText(owner: string | null, epoch: number): string {
  return `Another ${isDev(owner) ? 'outboxkit dev' : 'relay'} (${owner ?? 'unknown'}, epoch ${epoch}) has the events. This one goes on when that one ends, or has been gone for a while.`
}

function safely(topic: () => string | null): string | null {
  try {
    return topic()
  } catch {
    return null
  }
}

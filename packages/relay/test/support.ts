import { MemoryOutbox, memoryPublisher, memorySource } from '@outboxkit/testing'
import type { MemoryPublisher, MemorySourceOptions } from '@outboxkit/testing'
import {
  createRelay,
  type Relay,
  type RelayEventName,
  type RelayEvents,
  type RelayOptions,
} from '@outboxkit/relay'

/** Short times: a test's relay reacts within milliseconds. */
export const quick = {
  lease: { termMs: 300 },
  poll: { minMs: 1, maxMs: 5 },
  retry: { minMs: 2, maxMs: 10 },
  holdAfterMs: 30,
  stopTimeoutMs: 500,
  internal: { requestPollMs: 5, standbyPollMs: 5 },
} satisfies Partial<RelayOptions>

export interface Setup {
  readonly outbox: MemoryOutbox
  readonly publisher: MemoryPublisher
  readonly relay: Relay
  readonly seen: { readonly name: RelayEventName; readonly event: unknown }[]
}

const names: readonly RelayEventName[] = [
  'owner',
  'standby',
  'asleep',
  'published',
  'held',
  'skipped',
  'lifted',
  'late',
  'fault',
  'stopped',
]

/** A relay over an outbox and a publisher in memory. */
export function setUp(
  options: Partial<RelayOptions> = {},
  given: { outbox?: MemoryOutbox; publisher?: MemoryPublisher; source?: MemorySourceOptions } = {},
): Setup {
  const outbox = given.outbox ?? new MemoryOutbox()
  const publisher = given.publisher ?? memoryPublisher()
  const source = memorySource(outbox, given.source)
  const relay = createRelay({ source, publisher, ...quick, ...options })
  const seen: { name: RelayEventName; event: unknown }[] = []
  for (const name of names) relay.on(name, (event) => void seen.push({ name, event }))
  return { outbox, publisher, relay, seen }
}

/** The events of one name that a relay has emitted. */
export function eventsOf<Name extends RelayEventName>(
  seen: Setup['seen'],
  name: Name,
): readonly RelayEvents[Name][] {
  return seen.filter((one) => one.name === name).map(({ event }) => event as RelayEvents[Name])
}

/** Resolves when `condition` holds; rejects after `timeoutMs`. */
export async function until(condition: () => boolean, timeoutMs = 30_000): Promise<void> {
  const startedAt = performance.now()
  while (!condition()) {
    if (performance.now() - startedAt > timeoutMs)
      throw new Error(`not within ${timeoutMs} ms: ${String(condition)}`)
    await new Promise((resolve) => setTimeout(resolve, 2))
  }
}

export function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}

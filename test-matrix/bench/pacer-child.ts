// Events at an even pace, with the moment at which each was committed (or, for the ceiling, handed to the client).
import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { childConfig, listen, monotonicMs, say } from './child-side.js'
import type { DatabaseName, DriverName } from './options.js'
import { partitions } from './partitions.js'
import { openProducer } from './producers.js'
import { openWriter } from './writer.js'

export interface PacerConfig {
  readonly to:
    | { readonly database: DatabaseName; readonly url: string }
    | { readonly driver: DriverName; readonly brokers: readonly string[]; readonly topic: string }
  readonly payloadBytes: number
}

/** What the parent asks for, one line each. */
export interface Pace {
  readonly count: number
  /** From one event to the next. */
  readonly gapMs: number
}

export type PacerLine =
  | { readonly state: 'ready' }
  /** Ids with their moment on `monotonicMs`. */
  | { readonly state: 'written'; readonly events: readonly (readonly [id: string, at: number])[] }

type Send = (id: string, number: number) => Promise<number>

const config = childConfig<PacerConfig>()
const tell = (line: PacerLine): void => say(line)
const payload = JSON.stringify({ text: 'x'.repeat(config.payloadBytes) })
const { send, end } = await ('database' in config.to ? toDatabase(config.to) : toKafka(config.to))

let work = Promise.resolve()
listen(
  () => void work.then(end).then(() => process.stdin.destroy()),
  (line) => {
    const pace = JSON.parse(line) as Pace
    work = work.then(async () => tell({ state: 'written', events: await write(pace) }))
  },
)
tell({ state: 'ready' })

async function write({ count, gapMs }: Pace): Promise<(readonly [string, number])[]> {
  const startedAt = monotonicMs()
  const events: Promise<readonly [string, number]>[] = []
  while (events.length < count) {
    const due = Math.min(count, Math.floor((monotonicMs() - startedAt) / gapMs))
    while (events.length < due) {
      const id = randomUUID()
      events.push(send(id, events.length).then((at) => [id, at] as const))
    }
    await sleep(Math.max(1, startedAt + (events.length + 1) * gapMs - monotonicMs()))
  }
  return Promise.all(events)
}

/** The moment of an event is when its commit was acknowledged. */
async function toDatabase({
  database,
  url,
}: {
  database: DatabaseName
  url: string
}): Promise<{ send: Send; end: () => Promise<void> }> {
  const writers = await Promise.all(Array.from({ length: 8 }, () => openWriter(database, url)))
  return {
    async send(id, number) {
      await writers[number % writers.length]?.insert({ id, key: `key-${number % 1000}`, payload })
      return monotonicMs()
    },
    end: async () => void (await Promise.all(writers.map((writer) => writer.end()))),
  }
}

/** The moment is when it is handed over: as if it were sent right after a commit, with no outbox at all. */
async function toKafka({
  driver,
  brokers,
  topic,
}: {
  driver: DriverName
  brokers: readonly string[]
  topic: string
}): Promise<{ send: Send; end: () => Promise<void> }> {
  const producer = await openProducer(driver, brokers)
  return {
    async send(id, number) {
      const at = monotonicMs()
      const key = `key-${number % 1000}`
      await producer.send(topic, [
        { key, value: payload, headers: [['ce_id', id]], partition: number % partitions },
      ])
      return at
    },
    end: () => producer.close(),
  }
}

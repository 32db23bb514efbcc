// An application under full load: writers that start the next transaction as soon as the last one is committed.
import { randomUUID } from 'node:crypto'
import { childConfig, listen, monotonicMs, say } from './child-side.js'
import type { DatabaseName } from './options.js'
import { seeded } from './statistics.js'
import { openWriter, type Writer } from './writer.js'

export interface WritersConfig {
  readonly database: DatabaseName
  readonly url: string
  readonly writers: number
  readonly payloadBytes: number
  readonly seed: number
}

/** `committed`: transactions since the start. The parent takes the time between two of its questions. */
export type WritersLine =
  | { readonly state: 'ready' }
  | { readonly state: 'count'; readonly at: number; readonly committed: number }

const config = childConfig<WritersConfig>()
const text = 'x'.repeat(config.payloadBytes)
const random = seeded(config.seed)
// Order ids of an earlier process of the same bench are taken already.
const firstOrder = Math.floor(Date.now() * 1000)
let committed = 0
let started = 0
let isOver = false

const writers = await Promise.all(
  Array.from({ length: config.writers }, () => openWriter(config.database, config.url)),
)
const tell = (line: WritersLine): void => say(line)
const running = Promise.all(writers.map((writer) => write(writer)))
listen(
  () => {
    isOver = true
    void running
      .then(() => Promise.all(writers.map((writer) => writer.end())))
      .then(() => process.stdin.destroy())
  },
  // Any line is the question.
  () => tell({ state: 'count', at: monotonicMs(), committed }),
)
tell({ state: 'ready' })

async function write(writer: Writer): Promise<void> {
  while (!isOver) {
    const key = `key-${Math.floor(random() * 1000)}`
    await writer.order(firstOrder + started++, { id: randomUUID(), key, payload: JSON.stringify({ text }) })
    committed += 1
  }
}

import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { Kafka, logLevel, type Admin, type IHeaders } from 'kafkajs'
import type { Message } from './history.js'

export interface Dump {
  readonly messages: readonly Message[]
  readonly partitions: Readonly<Record<string, number>>
}

/**
 * Reads every partition of `topics` from its first offset to a high watermark that no longer moves. Uses kafkajs
 * directly and looks at nothing inside a message.
 */
export async function dumpTopics(
  brokers: readonly string[],
  topics: readonly string[],
  options: { deadlineMs?: number } = {},
): Promise<Dump> {
  const kafka = new Kafka({
    clientId: 'checker',
    brokers: [...brokers],
    logLevel: logLevel.NOTHING,
    retry: { retries: 20 },
  })
  const admin = kafka.admin()
  await admin.connect()
  try {
    const deadline = performance.now() + (options.deadlineMs ?? 60_000)
    const ends = await stableEnds(admin, topics, deadline)
    return { messages: await readTo(kafka, topics, ends, deadline), partitions: partitionCounts(ends) }
  } finally {
    await admin.disconnect()
  }
}

interface End {
  readonly topic: string
  readonly partition: number
  readonly low: number
  readonly high: number
}

/** The high watermarks, once two looks half a second apart agree. */
async function stableEnds(admin: Admin, topics: readonly string[], deadline: number): Promise<End[]> {
  let before = await ends(admin, topics)
  for (;;) {
    await sleep(500)
    const now = await ends(admin, topics)
    if (JSON.stringify(now) === JSON.stringify(before)) return now
    if (performance.now() > deadline) throw new Error('the high watermarks keep moving')
    before = now
  }
}

async function ends(admin: Admin, topics: readonly string[]): Promise<End[]> {
  const found = await Promise.all(
    topics.map(async (topic) =>
      (await admin.fetchTopicOffsets(topic)).map((offsets) => ({
        topic,
        partition: offsets.partition,
        low: Number(offsets.low),
        high: Number(offsets.high),
      })),
    ),
  )
  return found
    .flat()
    .sort((a, b) => (a.topic < b.topic ? -1 : a.topic > b.topic ? 1 : a.partition - b.partition))
}

function partitionCounts(found: readonly End[]): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const { topic } of found) counts[topic] = (counts[topic] ?? 0) + 1
  return counts
}

async function readTo(
  kafka: Kafka,
  topics: readonly string[],
  found: readonly End[],
  deadline: number,
): Promise<Message[]> {
  const messages: Message[] = []
  const open = new Map(
    found.filter(({ low, high }) => high > low).map((end) => [`${end.topic}/${end.partition}`, end.high]),
  )
  if (open.size === 0) return messages
  const consumer = kafka.consumer({ groupId: `checker-${randomUUID()}`, sessionTimeout: 30_000 })
  await consumer.connect()
  try {
    await consumer.subscribe({ topics: [...topics], fromBeginning: true })
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(
        () => reject(new Error(`not read to the end: ${[...open.keys()].join(', ')}`)),
        Math.max(1, deadline - performance.now()),
      )
      const finish = (): void => {
        clearTimeout(timer)
        resolve()
      }
      const eachBatch = async ({ batch }: { batch: BatchLike }): Promise<void> => {
        const name = `${batch.topic}/${batch.partition}`
        for (const message of batch.messages) messages.push(toMessage(batch, message))
        // A log may end in transaction markers, which are no messages: compare the batch's end, not the last message.
        if (Number(batch.lastOffset()) + 1 >= (open.get(name) ?? 0)) open.delete(name)
        if (open.size === 0) finish()
      }
      consumer.run({ eachBatch }).catch(reject)
    })
  } finally {
    await consumer.disconnect()
  }
  return messages
}

interface BatchLike {
  readonly topic: string
  readonly partition: number
  readonly messages: readonly {
    readonly offset: string
    readonly key: Buffer | null
    readonly value: Buffer | null
    readonly headers?: IHeaders
  }[]
  lastOffset(): string
}

function toMessage(batch: BatchLike, message: BatchLike['messages'][number]): Message {
  return {
    topic: batch.topic,
    partition: batch.partition,
    offset: Number(message.offset),
    key: message.key,
    value: message.value,
    headers: Object.entries(message.headers ?? {}).flatMap(([name, value]) =>
      (Array.isArray(value) ? value : [value]).map((one) => [name, toBuffer(one)] as const),
    ),
  }
}

function toBuffer(value: Buffer | string | undefined | null): Buffer | null {
  return value === undefined || value === null ? null : Buffer.from(value)
}

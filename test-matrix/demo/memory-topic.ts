// An in-memory topic in a process of its own, for machines without Kafka: the relay can be killed and the topic
// stays. Started by the demo; speaks JSON over HTTP on the loopback.
import { createServer, type IncomingMessage } from 'node:http'

export interface MemoryMessage {
  readonly topic: string
  readonly partition: number
  readonly offset: number
  readonly key: string | null
  readonly value: string | null
  readonly headers: readonly (readonly [string, string | null])[]
  /** Milliseconds since the epoch. */
  readonly arrivedAt: number
}

export type MemoryRecord = Omit<MemoryMessage, 'offset' | 'arrivedAt'>

const messages: MemoryMessage[] = []
const next = new Map<string, number>()

function append(records: readonly MemoryRecord[]): void {
  for (const record of records) {
    const log = `${record.topic}/${record.partition}`
    const offset = next.get(log) ?? 0
    next.set(log, offset + 1)
    messages.push({ ...record, offset, arrivedAt: Date.now() })
  }
}

async function answer(request: IncomingMessage): Promise<unknown> {
  if (request.method === 'GET') return messages.slice(Number(request.url?.slice(1) ?? 0))
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  append(JSON.parse(Buffer.concat(chunks).toString()) as MemoryRecord[])
  return { ok: true }
}

const server = createServer((request, response) => {
  answer(request).then(
    (body) => response.end(JSON.stringify(body)),
    () => response.destroy(),
  )
})
server.listen(0, '127.0.0.1', () => {
  const address = server.address()
  console.log(`topic at http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`)
})

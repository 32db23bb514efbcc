import type { DirectProducer, Message } from './producers.js'

/** The little that is used of the package, which need not be installed. */
interface Native {
  connect(options: object, done: (error: Error | null) => void): void
  disconnect(flushMs: number, done: () => void): void
  produce(
    topic: string,
    partition: number,
    value: Buffer | null,
    key: Buffer | null,
    timestamp: number,
    opaque: () => void,
    headers: readonly object[],
  ): void
  setPollInterval(ms: number): void
  on(event: 'delivery-report', listener: (error: Error | null, report: { opaque: Report }) => void): void
}
type Report = (error?: Error) => void
interface Module {
  readonly Producer: new (config: object) => Native
}

/** For the children: the address of the package, where it is not installed but built in the cache. */
export const confluentVariable = 'OUTBOXKIT_BENCH_CONFLUENT'

/** librdkafka's own producer, the quicker of the package's two: it batches by itself. */
export async function openConfluent(brokers: readonly string[]): Promise<DirectProducer> {
  const name = process.env[confluentVariable] || '@confluentinc/kafka-javascript'
  const module = (await import(name)) as { readonly default: Module }
  const native = new module.default.Producer({
    'bootstrap.servers': brokers.join(','),
    acks: -1,
    'linger.ms': 1,
    'batch.num.messages': 10_000,
    dr_cb: true,
  })
  native.on('delivery-report', (error, { opaque }) => opaque(error ?? undefined))
  await new Promise<void>((resolve, reject) =>
    native.connect({}, (error) => (error ? reject(error) : resolve())),
  )
  native.setPollInterval(1)
  return {
    send: async (topic, messages) => {
      await Promise.all(messages.map((message) => sendOne(native, topic, message)))
    },
    close: () => new Promise((resolve) => native.disconnect(10_000, resolve)),
  }
}

function sendOne(native: Native, topic: string, { partition, key, value, headers }: Message): Promise<void> {
  const bytes = (part: Uint8Array | string | null): Buffer | null =>
    part === null ? null : Buffer.from(part)
  return new Promise((resolve, reject) => {
    const report: Report = (error) => (error ? reject(error) : resolve())
    const list = headers.map(([header, text]) => ({ [header]: bytes(text) }))
    native.produce(topic, partition, bytes(value), bytes(key), Date.now(), report, list)
  })
}

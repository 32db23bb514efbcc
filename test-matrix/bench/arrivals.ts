import { Kafka, logLevel } from 'kafkajs'
import { monotonicMs } from './child-side.js'

/** A consumer that only notes when each event id arrived, the first time, on `monotonicMs`. */
export class Arrivals {
  readonly at = new Map<string, number>()
  readonly #consumer: ReturnType<Kafka['consumer']>

  private constructor(consumer: ReturnType<Kafka['consumer']>) {
    this.#consumer = consumer
  }

  static async of(brokers: readonly string[], topic: string): Promise<Arrivals> {
    const kafka = new Kafka({ clientId: 'bench-consumer', brokers: [...brokers], logLevel: logLevel.NOTHING })
    const consumer = kafka.consumer({ groupId: `${topic}-arrivals`, minBytes: 1, maxWaitTimeInMs: 1000 })
    const arrivals = new Arrivals(consumer)
    await consumer.connect()
    await consumer.subscribe({ topics: [topic], fromBeginning: true })
    const joined = new Promise<void>(
      (resolve) => void consumer.on(consumer.events.GROUP_JOIN, () => resolve()),
    )
    await consumer.run({
      autoCommit: false,
      eachBatch: ({ batch }) => {
        const now = monotonicMs()
        for (const { headers } of batch.messages) {
          const id = String(headers?.['ce_id'] ?? '')
          if (!arrivals.at.has(id)) arrivals.at.set(id, now)
        }
        return Promise.resolve()
      },
    })
    await joined
    return arrivals
  }

  /** Waits until all of them have arrived. Throws at the deadline. */
  async all(ids: readonly string[], deadlineMs: number): Promise<void> {
    const deadline = monotonicMs() + deadlineMs
    for (;;) {
      const missing = ids.filter((id) => !this.at.has(id))
      if (missing.length === 0) return
      if (monotonicMs() > deadline)
        throw new Error(`${missing.length} of ${ids.length} events did not arrive`)
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
  }

  /** When the first event of all arrived. Throws at the deadline. */
  async first(deadlineMs: number): Promise<number> {
    const deadline = monotonicMs() + deadlineMs
    for (;;) {
      const [at] = this.at.values()
      if (at !== undefined) return at
      if (monotonicMs() > deadline) throw new Error('no event arrived')
      await new Promise((resolve) => setTimeout(resolve, 1))
    }
  }

  async end(): Promise<void> {
    await this.#consumer.disconnect()
  }
}

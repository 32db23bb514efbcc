import type {
  BatchOutcome,
  KafkaDriver,
  PartitionBatch,
  TopicCreation,
  TopicDescription,
  TopicLookup,
} from '../src/index.js'

const topic: TopicDescription = {
  partitions: 3,
  maxMessageBytes: 10_000,
  replicationFactor: 3,
  minInsyncReplicas: 2,
}

/** A driver whose answers a test decides; it keeps what it "wrote", for the control flow of the publisher alone. */
export class ScriptedDriver implements KafkaDriver {
  readonly name = 'scripted'
  readonly topics = new Map<string, TopicLookup>()
  readonly log: { topic: string; partition: number; value: string }[] = []
  readonly sent: PartitionBatch[] = []
  resets = 0
  inFlight = new Map<string, number>()
  describes = 0
  answer: (batch: PartitionBatch) => BatchOutcome | Promise<BatchOutcome> = () => ({ status: 'written' })

  found(name: string, fields: Partial<TopicDescription> = {}): this {
    this.topics.set(name, { status: 'found', topic: { ...topic, ...fields } })
    return this
  }

  async connect(): Promise<void> {}

  async describeTopic(name: string): Promise<TopicLookup> {
    this.describes += 1
    return this.topics.get(name) ?? { status: 'missing' }
  }

  async createTopic(name: string, { partitions }: { partitions: number }): Promise<TopicCreation> {
    this.found(name, { partitions })
    return { status: 'created' }
  }

  async send(batches: readonly PartitionBatch[]): Promise<readonly BatchOutcome[]> {
    return Promise.all(batches.map((batch) => this.#sendOne(batch)))
  }

  async #sendOne(batch: PartitionBatch): Promise<BatchOutcome> {
    const place = `${batch.topic}/${batch.partition}`
    const before = this.inFlight.get(place) ?? 0
    if (before > 0) throw new Error(`two requests in flight for ${place}`)
    this.inFlight.set(place, before + 1)
    this.sent.push(batch)
    const outcome = await this.answer(batch)
    this.inFlight.set(place, before)
    if (outcome.status === 'written')
      for (const { value } of batch.records)
        this.log.push({ topic: batch.topic, partition: batch.partition, value: String(value) })
    return outcome
  }

  async reset(): Promise<void> {
    this.resets += 1
  }

  async close(): Promise<void> {}
}

import type { BatchOutcome, KafkaDriver, PartitionBatch } from '@outboxkit/kafka'
import type { MemoryRecord } from './memory-topic.js'

/** A driver that writes to the in-memory topic: envelope, routing and partitions are the publisher's own. */
export function memoryDriver(url: string, partitions: number): KafkaDriver {
  return {
    name: 'memory',
    connect: () => Promise.resolve(),
    describeTopic: () =>
      Promise.resolve({
        status: 'found',
        topic: { partitions, maxMessageBytes: null, replicationFactor: null, minInsyncReplicas: null },
      }),
    createTopic: () => Promise.resolve({ status: 'created' }),
    send: async (batches) => {
      const outcome = await post(url, batches.flatMap(toRecords))
      return batches.map(() => outcome)
    },
    reset: () => Promise.resolve(),
    close: () => Promise.resolve(),
  }
}

function toRecords({ topic, partition, records }: PartitionBatch): MemoryRecord[] {
  return records.map(({ key, value, headers }) => ({
    topic,
    partition,
    key: text(key),
    value: text(value),
    headers,
  }))
}

const text = (value: Uint8Array | string | null): string | null =>
  value === null || typeof value === 'string' ? value : Buffer.from(value).toString()

async function post(url: string, records: readonly MemoryRecord[]): Promise<BatchOutcome> {
  try {
    const response = await fetch(url, { method: 'POST', body: JSON.stringify(records) })
    return response.ok
      ? { status: 'written' }
      : { status: 'unknown', code: 'HTTP', message: `answered ${response.status}` }
  } catch (error) {
    return { status: 'unknown', code: 'NETWORK', message: String(error) }
  }
}

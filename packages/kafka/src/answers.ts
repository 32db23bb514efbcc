import type { BatchOutcome, PartitionBatch } from './driver.js'
import { verdictOf } from './errors.js'

/** What a broker answered for one partition of a produce request. */
export interface Answer {
  readonly topic: string
  readonly partition: number
  readonly errorCode: number
  readonly message?: string | null | undefined
}

/** The outcome of a batch from the answers to its request: exactly one of them must be for its partition. */
export function outcomeFrom(answers: readonly Answer[], { topic, partition }: PartitionBatch): BatchOutcome {
  const mine = answers.filter((answer) => answer.topic === topic && answer.partition === partition)
  const [answer] = mine
  if (answer === undefined || mine.length > 1)
    return {
      status: 'unknown',
      code: 'MISSING_ANSWER',
      message: `the request was answered, with ${mine.length} answers for the partition`,
    }
  const { name, verdict } = verdictOf(answer.errorCode)
  if (verdict === 'written' || verdict === 'too-large') return { status: verdict }
  return { status: verdict, code: name, message: answer.message ?? 'the broker answered with an error' }
}

/**
 * Divides batches into requests of about `maxBytes`, in order. Each batch is in one request; a batch that is
 * larger has one of its own. Brokers close the connection over a request of more than 100 MiB.
 */
export function packRequests(batches: readonly PartitionBatch[], maxBytes: number): PartitionBatch[][] {
  const requests: PartitionBatch[][] = []
  let bytes = Infinity
  for (const batch of batches) {
    const size = batch.records.reduce((sum, record) => sum + length(record.key) + length(record.value), 0)
    if (bytes + size > maxBytes) {
      requests.push([])
      bytes = 0
    }
    requests.at(-1)?.push(batch)
    bytes += size
  }
  return requests
}

/** Most bytes of a request for several partitions. */
export const maxRequestBytes = 8_388_608

/** Of a text: at most three bytes per unit. */
function length(value: Uint8Array | string | null): number {
  return typeof value === 'string' ? value.length * 3 : (value?.byteLength ?? 0)
}

/** In the order of the first appearance. */
export function groupBy<K, V>(values: readonly V[], keyOf: (value: V) => K): Map<K, V[]> {
  const groups = new Map<K, V[]>()
  for (const value of values) {
    const key = keyOf(value)
    const group = groups.get(key)
    if (group === undefined) groups.set(key, [value])
    else group.push(value)
  }
  return groups
}

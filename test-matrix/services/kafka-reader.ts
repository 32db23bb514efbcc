import { setTimeout as sleep } from 'node:timers/promises'
import { recordBatches } from './kafka-records.js'
import type { TopicRecord } from './kafka-records.js'
import { array, int32, int64, int8, KafkaConnection, metadata, string } from './kafka-wire.js'
import type { Reader } from './kafka-wire.js'

export type { TopicRecord } from './kafka-records.js'

export interface ReadTopicOptions {
  /** Goes on until there are this many records; without it, to the ends that the partitions have at the call. */
  readonly count?: number
  /** After this long a read for a `count` returns what there is, and any other read fails. */
  readonly timeoutMs?: number
  /** Records of transactions that are open or were aborted are left out, as for a `read_committed` consumer. */
  readonly committed?: boolean
}

/**
 * Everything in a topic, from the beginning, partition by partition in the order of the offsets. It speaks the
 * protocol itself, so that no code under test reads back its own writes. A broker that is down is waited for.
 */
export async function readTopic(
  brokers: string,
  topic: string,
  { count, timeoutMs = 30_000, committed = false }: ReadTopicOptions = {},
): Promise<TopicRecord[]> {
  const deadline = Date.now() + timeoutMs
  const positions = new Map<number, Position>()
  let ends: ReadonlyMap<number, bigint> | undefined
  for (let failure: unknown; ;) {
    try {
      ends = await readOnce(brokers, topic, committed, positions, ends)
      failure = undefined
    } catch (error) {
      failure = error
    }
    const records = [...positions].toSorted(([a], [b]) => a - b).flatMap(([, position]) => position.records)
    if (!failure && (count === undefined || records.length >= count)) return records
    if (Date.now() > deadline) {
      if (failure) throw failure
      return records
    }
    // With a count, later ends are looked at in the next round.
    if (count !== undefined && !failure) ends = undefined
    await sleep(25)
  }
}

interface Position {
  next: bigint
  readonly records: TopicRecord[]
  /** Producers whose transaction in progress will turn out to be aborted. */
  readonly aborted: Set<bigint>
}

/** Reads up to the ends, which are asked for if they are not known from an attempt that failed half-way. */
async function readOnce(
  brokers: string,
  topic: string,
  committed: boolean,
  positions: Map<number, Position>,
  knownEnds: ReadonlyMap<number, bigint> | undefined,
): Promise<ReadonlyMap<number, bigint>> {
  const { connections, leaders } = await connectToLeaders(brokers, topic)
  try {
    const leader = (partition: number): KafkaConnection => {
      const connection = connections.get(leaders.get(partition) ?? -1)
      if (!connection) throw new Error(`${topic}-${partition} has no leader`)
      return connection
    }
    const ends = new Map(knownEnds)
    for (const partition of leaders.keys()) {
      if (!ends.has(partition))
        ends.set(partition, await endOffset(leader(partition), topic, partition, committed))
    }
    for (const [partition, end] of ends) {
      const position = positions.get(partition) ?? (await beginning(leader(partition), topic, partition))
      positions.set(partition, position)
      while (position.next < end) await fetchInto(position, leader(partition), topic, partition, committed)
    }
    return ends
  } finally {
    for (const connection of connections.values()) connection.close()
  }
}

interface Leaders {
  readonly connections: ReadonlyMap<number, KafkaConnection>
  readonly leaders: ReadonlyMap<number, number>
}

async function connectToLeaders(brokers: string, topic: string): Promise<Leaders> {
  let failure: unknown
  for (const broker of brokers.split(',')) {
    const connection = new KafkaConnection(broker)
    try {
      const view = await metadata(connection, [topic])
      const found = view.topics.get(topic)
      if (!found || found.error !== 0) throw new Error(`topic ${topic}: error ${found?.error ?? 'unknown'}`)
      const ids = new Set(found.leaders.values())
      const used = [...view.brokers].filter(([id]) => ids.has(id))
      const connections = new Map(used.map(([id, address]) => [id, new KafkaConnection(address)]))
      return { connections, leaders: found.leaders }
    } catch (error) {
      failure = error
    } finally {
      connection.close()
    }
  }
  throw failure
}

const FETCH = 1
const LIST_OFFSETS = 2
const LATEST = -1n
const EARLIEST = -2n

async function beginning(connection: KafkaConnection, topic: string, partition: number): Promise<Position> {
  const next = await listOffset(connection, topic, partition, EARLIEST, false)
  return { next, records: [], aborted: new Set() }
}

const endOffset = (
  connection: KafkaConnection,
  topic: string,
  partition: number,
  committed: boolean,
): Promise<bigint> => listOffset(connection, topic, partition, LATEST, committed)

async function listOffset(
  connection: KafkaConnection,
  topic: string,
  partition: number,
  timestamp: bigint,
  committed: boolean,
): Promise<bigint> {
  const wanted = Buffer.concat([int32(partition), int64(timestamp)])
  const topics = array([Buffer.concat([string(topic), array([wanted])])])
  const body = Buffer.concat([int32(-1), int8(committed ? 1 : 0), topics])
  const answer = await connection.request(LIST_OFFSETS, 2, body)
  answer.int32() // throttle time
  const [offset] = onePartition(answer, () => {
    answer.int32()
    refuse(answer.int16(), topic, partition)
    answer.int64() // timestamp
    return answer.int64()
  })
  if (offset === undefined) throw new Error(`${topic}-${partition}: no offset in the answer`)
  return offset
}

function onePartition<T>(answer: Reader, item: () => T): T[] {
  return answer
    .array(() => {
      answer.string()
      return answer.array(item)
    })
    .flat()
}

function refuse(error: number, topic: string, partition: number): void {
  if (error !== 0) throw new Error(`${topic}-${partition}: the broker answers with error ${error}`)
}

const MAX_BYTES = 8_388_608

async function fetchInto(
  position: Position,
  connection: KafkaConnection,
  topic: string,
  partition: number,
  committed: boolean,
): Promise<void> {
  const wanted = Buffer.concat([int32(partition), int64(position.next), int32(MAX_BYTES)])
  const topics = array([Buffer.concat([string(topic), array([wanted])])])
  const limits = [int32(-1), int32(100), int32(1), int32(MAX_BYTES), int8(committed ? 1 : 0)]
  const answer = await connection.request(FETCH, 4, Buffer.concat([...limits, topics]))
  answer.int32() // throttle time
  onePartition(answer, () => {
    answer.int32()
    refuse(answer.int16(), topic, partition)
    answer.take(8 + 8) // high watermark, last stable offset
    const aborted = answer.array(() => ({ producer: answer.int64(), first: answer.int64() }))
    const bytes = answer.take(Math.max(0, answer.int32()))
    take(position, bytes, partition, committed ? aborted : [])
  })
}

function take(
  position: Position,
  bytes: Buffer,
  partition: number,
  aborted: readonly { producer: bigint; first: bigint }[],
): void {
  for (const batch of recordBatches(bytes, partition)) {
    for (const { producer, first } of aborted) {
      if (first >= batch.baseOffset && first <= batch.lastOffset) position.aborted.add(producer)
    }
    if (batch.control) position.aborted.delete(batch.producerId)
    else if (!(batch.transactional && position.aborted.has(batch.producerId))) {
      // A fetch begins with the batch that contains the offset, which may begin before it.
      position.records.push(...batch.records.filter(({ offset }) => offset >= position.next))
    }
    if (batch.lastOffset >= position.next) position.next = batch.lastOffset + 1n
  }
}

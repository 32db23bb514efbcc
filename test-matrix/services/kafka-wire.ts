import { connect } from 'node:net'
import type { Socket } from 'node:net'

/*
 * The little of Kafka's protocol that the tests speak themselves, so that what they read does not come from
 * a client library which the code under test uses too. Only versions without compact encodings.
 */

/** Reads the fixed-width types of the protocol one after the other. */
export class Reader {
  offset = 0
  readonly bytes: Buffer

  constructor(bytes: Buffer) {
    this.bytes = bytes
  }

  int8(): number {
    return this.bytes.readInt8((this.offset += 1) - 1)
  }
  int16(): number {
    return this.bytes.readInt16BE((this.offset += 2) - 2)
  }
  int32(): number {
    return this.bytes.readInt32BE((this.offset += 4) - 4)
  }
  int64(): bigint {
    return this.bytes.readBigInt64BE((this.offset += 8) - 8)
  }
  take(length: number): Buffer {
    const start = this.offset
    this.offset += length
    if (this.offset > this.bytes.length) throw new RangeError('the message ends early')
    return this.bytes.subarray(start, this.offset)
  }
  string(): string {
    const length = this.int16()
    return length < 0 ? '' : this.take(length).toString('utf8')
  }
  array<T>(item: () => T): T[] {
    return Array.from({ length: Math.max(0, this.int32()) }, item)
  }
}

export const int8 = (value: number): Buffer => Buffer.from([value])
export const int16 = (value: number): Buffer => Buffer.from([(value >> 8) & 255, value & 255])
export function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeInt32BE(value)
  return bytes
}
export function int64(value: bigint): Buffer {
  const bytes = Buffer.alloc(8)
  bytes.writeBigInt64BE(value)
  return bytes
}
export const string = (value: string): Buffer =>
  Buffer.concat([int16(Buffer.byteLength(value)), Buffer.from(value)])
export const array = (items: readonly Buffer[]): Buffer => Buffer.concat([int32(items.length), ...items])

/** One connection, one request at a time. */
export class KafkaConnection {
  readonly #socket: Socket
  #received: Buffer[] = []
  #settle: { resolve: (response: Reader) => void; reject: (error: Error) => void } | undefined
  #failure: Error | undefined

  constructor(address: string, timeoutMs = 10_000) {
    const [host, port] = splitAddress(address)
    this.#socket = connect(port, host)
    this.#socket.setNoDelay(true)
    const fail = (error: Error): void => {
      this.#failure ??= error
      this.#settle?.reject(this.#failure)
      this.#socket.destroy()
    }
    this.#socket.setTimeout(timeoutMs, () => fail(new Error(`${address} does not answer`)))
    this.#socket.on('error', fail)
    this.#socket.on('close', () => fail(new Error(`${address} closed the connection`)))
    this.#socket.on('data', (chunk) => this.#receive(chunk))
  }

  request(apiKey: number, version: number, body: Buffer): Promise<Reader> {
    const header = Buffer.concat([int16(apiKey), int16(version), int32(7), int16(-1)])
    return new Promise((resolve, reject) => {
      if (this.#failure) return reject(this.#failure)
      this.#settle = { resolve, reject }
      this.#socket.write(Buffer.concat([int32(header.length + body.length), header, body]))
    })
  }

  close(): void {
    this.#failure ??= new Error('closed')
    this.#socket.destroy()
  }

  #receive(chunk: Buffer): void {
    this.#received.push(chunk)
    const length = this.#received.reduce((sum, part) => sum + part.length, 0)
    if (length < 4) return
    const all = Buffer.concat(this.#received)
    if (length < 4 + all.readInt32BE(0)) {
      this.#received = [all]
      return
    }
    this.#received = []
    // After the length and the correlation id.
    this.#settle?.resolve(new Reader(all.subarray(8)))
  }
}

export function splitAddress(address: string): [host: string, port: number] {
  const colon = address.lastIndexOf(':')
  return [address.slice(0, colon), Number(address.slice(colon + 1))]
}

export interface ClusterView {
  readonly brokers: ReadonlyMap<number, string>
  readonly controller: number
  readonly topics: ReadonlyMap<
    string,
    { readonly error: number; readonly leaders: ReadonlyMap<number, number> }
  >
}

const METADATA = 3
const API_VERSIONS = 18

export async function metadata(
  connection: KafkaConnection,
  topics: readonly string[] = [],
): Promise<ClusterView> {
  const answer = await connection.request(METADATA, 1, array(topics.map(string)))
  const brokers = new Map(
    answer.array(() => {
      const id = answer.int32()
      const host = answer.string()
      const port = answer.int32()
      answer.string()
      return [id, `${host}:${port}`] as const
    }),
  )
  const controller = answer.int32()
  const found = answer.array(() => {
    const error = answer.int16()
    const name = answer.string()
    answer.int8()
    const leaders = answer.array(() => {
      answer.int16()
      const partition = answer.int32()
      const leader = answer.int32()
      for (const list of [0, 1]) answer.array(() => answer.int32() + list)
      return [partition, leader] as const
    })
    return [name, { error, leaders: new Map(leaders) }] as const
  })
  return { brokers, controller, topics: new Map(found) }
}

/** The cluster as one broker sees it; undefined when that broker does not answer. */
export async function clusterSeenBy(address: string): Promise<ClusterView | undefined> {
  const connection = new KafkaConnection(address, 2_000)
  try {
    const versions = await connection.request(API_VERSIONS, 0, Buffer.alloc(0))
    if (versions.int16() !== 0) return undefined
    return await metadata(connection)
  } catch {
    return undefined
  } finally {
    connection.close()
  }
}

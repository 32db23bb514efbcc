import type { Direction } from './fault-link.js'

export interface KafkaRequest {
  /** 0 produce, 1 fetch, 3 metadata, 18 api versions, 22 init producer id, 26 end transaction … */
  readonly apiKey: number
  readonly apiVersion: number
  readonly correlationId: number
}

export interface Piece {
  readonly direction: Direction
  /** One whole message of Kafka's protocol; otherwise whatever arrived at once. */
  readonly bytes: Buffer
  /** The request that this is, or that this answers. */
  readonly request?: KafkaRequest
}

/** Cuts the two streams of a connection into Kafka's messages and knows which response belongs to what. */
export class KafkaFrames {
  readonly #rest: Record<Direction, Buffer[]> = { up: [], down: [] }
  readonly #requests = new Map<number, KafkaRequest>()

  split(direction: Direction, chunk: Buffer): Piece[] {
    const parts = this.#rest[direction]
    parts.push(chunk)
    const available = parts.reduce((sum, part) => sum + part.length, 0)
    if (available < 4 || available < frameLength(parts)) return []
    let bytes = Buffer.concat(parts)
    const pieces: Piece[] = []
    while (bytes.length >= 4 && bytes.length >= 4 + bytes.readInt32BE(0)) {
      const length = 4 + bytes.readInt32BE(0)
      pieces.push(this.#piece(direction, bytes.subarray(0, length)))
      bytes = bytes.subarray(length)
    }
    this.#rest[direction] = bytes.length > 0 ? [bytes] : []
    return pieces
  }

  #piece(direction: Direction, bytes: Buffer): Piece {
    if (direction === 'up' && bytes.length >= 12) {
      const apiKey = bytes.readInt16BE(4)
      const request = { apiKey, apiVersion: bytes.readInt16BE(6), correlationId: bytes.readInt32BE(8) }
      this.#requests.set(request.correlationId, request)
      return { direction, bytes, request }
    }
    const correlationId = bytes.length >= 8 ? bytes.readInt32BE(4) : -1
    const request = this.#requests.get(correlationId)
    this.#requests.delete(correlationId)
    return { direction, bytes, ...(request && { request }) }
  }
}

/** The length of the first frame, whose own four bytes may have come in pieces. */
function frameLength(parts: readonly Buffer[]): number {
  const first = parts[0] ?? Buffer.alloc(0)
  return 4 + (first.length >= 4 ? first : Buffer.concat(parts)).readInt32BE(0)
}

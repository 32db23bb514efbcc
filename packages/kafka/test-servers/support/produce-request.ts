import type { KafkaRequest, Piece } from '../../../../test-matrix/services/fault-proxy.js'

export interface ProduceRequest {
  readonly acks: number
  readonly places: readonly { readonly topic: string; readonly partition: number }[]
}

const oldest = 3
/** From here on lengths are varints (plus one), and tagged fields end each structure. */
const flexible = 9
const newest = 12

/**
 * A produce request, by hand: client id, transactional id, acks, time-out, then topics with their partitions.
 * A version that cannot be read here is an error: a test must not look away.
 */
export function readProduceRequest({ bytes }: Piece, { apiVersion }: KafkaRequest): ProduceRequest {
  if (apiVersion < oldest || apiVersion > newest)
    throw new Error(`produce version ${apiVersion} cannot be read here`)
  const compact = apiVersion >= flexible
  let offset = 4 + 8
  const int16 = (): number => bytes.readInt16BE((offset += 2) - 2)
  const int32 = (): number => bytes.readInt32BE((offset += 4) - 4)
  const uvarint = (): number => {
    for (let value = 0, shift = 0; ; shift += 7) {
      const byte = bytes.readUInt8(offset++)
      value |= (byte & 127) << shift
      if (byte < 128) return value
    }
  }
  const take = (length: number): Buffer => bytes.subarray(offset, (offset += Math.max(0, length)))
  const tags = (): void => {
    if (compact && uvarint() !== 0) throw new Error('tagged fields cannot be read here')
  }
  const text = (): string => take(compact ? uvarint() - 1 : int16()).toString()
  const count = (): number => (compact ? uvarint() - 1 : int32())
  take(int16())
  tags()
  text()
  const acks = int16()
  int32()
  const places: { topic: string; partition: number }[] = []
  for (let topics = count(); topics > 0; topics--) {
    const topic = text()
    for (let partitions = count(); partitions > 0; partitions--) {
      places.push({ topic, partition: int32() })
      take(count())
      tags()
    }
    tags()
  }
  return { acks, places }
}

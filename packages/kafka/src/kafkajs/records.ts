import type { IHeaders, Message } from 'kafkajs'
import type { DriverRecord } from '../driver.js'

/** A record as kafkajs takes it. `timestamp`: milliseconds since 1970, as text. */
export function toMessage(record: DriverRecord, partition: number, timestamp: string): Message {
  return {
    key: bytes(record.key),
    value: bytes(record.value),
    partition,
    timestamp,
    headers: toHeaders(record.headers),
  }
}

/** kafkajs writes anything that is not a Buffer as text. */
function bytes(value: Uint8Array | string | null): Buffer | string | null {
  return value instanceof Uint8Array && !Buffer.isBuffer(value)
    ? Buffer.from(value.buffer, value.byteOffset, value.byteLength)
    : value
}

function toHeaders(headers: DriverRecord['headers']): IHeaders {
  const result: IHeaders = {}
  for (const [name, value] of headers) {
    if (isOdd(name) || Object.hasOwn(result, name)) return toOddHeaders(headers)
    result[name] = value ?? absent()
  }
  return result
}

/** An object would lose `__proto__` and put names like '1' first. */
function isOdd(name: string): boolean {
  const first = name.charCodeAt(0)
  return (first >= 48 && first <= 57) || name === '__proto__'
}

/** Names that come several times, or that an object cannot hold in their place. */
function toOddHeaders(headers: DriverRecord['headers']): IHeaders {
  const values = new Map<string, (Buffer | string)[]>()
  for (const [name, value] of headers) {
    const list = values.get(name)
    if (list === undefined) values.set(name, [value ?? absent()])
    else list.push(value ?? absent())
  }
  if ([...values.keys()].some(isOdd)) return ordered(values)
  const result: IHeaders = {}
  for (const [name, list] of values) result[name] = list
  return result
}

/** kafkajs only asks an object of headers for its keys and their values; a proxy can give them in any order. */
function ordered(values: ReadonlyMap<string, (Buffer | string)[]>): IHeaders {
  return new Proxy<IHeaders>(Object.create(null) as IHeaders, {
    ownKeys: () => [...values.keys()],
    getOwnPropertyDescriptor: (_, name) => ({
      configurable: true,
      enumerable: true,
      value: values.get(String(name)),
    }),
    get: (_, name) => values.get(String(name)),
  })
}

/**
 * A header without a value. kafkajs can encode one but fails while it computes its size
 * (`Buffer.byteLength(null)`), so it gets a buffer of no bytes whose length reads as -1 once: where the length
 * is written. Both -1 and 0 take one byte on the wire, so the computed size is right.
 */
function absent(): Buffer {
  const buffer = Buffer.alloc(0)
  let reads = 0
  Object.defineProperty(buffer, 'length', { get: () => (reads++ === 0 ? -1 : 0) })
  return buffer
}

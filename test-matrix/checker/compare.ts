import type { ExpectedMessage } from './expected.js'
import type { Message } from './history.js'

/** What is wrong with a message, for people; `null`: nothing. */
export function compareMessage(message: Message, expected: ExpectedMessage): string | null {
  if (message.topic !== expected.topic) return `expected topic ${expected.topic}`
  if (message.partition !== expected.partition) return `expected partition ${expected.partition}`
  if (!sameText(message.key, expected.key)) return `key is ${show(message.key)}, expected ${expected.key}`
  if (!sameText(message.value, expected.value))
    return `value is ${show(message.value)}, expected ${show(Buffer.from(expected.value))}`
  return compareHeaders(message, expected.headers)
}

function compareHeaders(message: Message, expected: ReadonlyMap<string, string>): string | null {
  const seen = new Set<string>()
  for (const [name, value] of message.headers) {
    const wanted = expected.get(name)
    // A row that no trigger watched has no known time.
    if (wanted === undefined && name === 'ce_time' && !expected.has('ce_time') && !seen.has(name)) {
      seen.add(name)
      continue
    }
    if (wanted === undefined) return `unexpected header ${name}: ${show(value)}`
    if (seen.has(name)) return `header ${name} twice`
    seen.add(name)
    if (!sameText(value, wanted)) return `header ${name} is ${show(value)}, expected ${wanted}`
  }
  const missing = [...expected.keys()].filter((name) => !seen.has(name))
  return missing.length === 0 ? null : `header ${missing.join(', ')} missing`
}

/** Two copies of one event: same place but for the offset, same bytes, same sequence of headers. */
export function sameMessage(a: Message, b: Message): boolean {
  return (
    a.topic === b.topic &&
    a.partition === b.partition &&
    sameBytes(a.key, b.key) &&
    sameBytes(a.value, b.value) &&
    a.headers.length === b.headers.length &&
    a.headers.every(([name, value], index) => {
      const other = b.headers[index]
      return other !== undefined && other[0] === name && sameBytes(value, other[1])
    })
  )
}

function sameBytes(a: Buffer | null, b: Buffer | null): boolean {
  return a === null || b === null ? a === b : a.equals(b)
}

function sameText(bytes: Buffer | null, text: string): boolean {
  return bytes !== null && bytes.equals(Buffer.from(text))
}

function show(bytes: Buffer | null): string {
  if (bytes === null) return 'null'
  const text = bytes.toString('utf8')
  return text.length > 120 ? `${text.slice(0, 120)}… (${bytes.length} bytes)` : text
}

import fc from 'fast-check'
import { expect, test } from 'vitest'
import { checkHistory } from '../check.js'
import type { History, LedgerRow, Message } from '../history.js'
import { history, ledgerRow, logOf, partitions, wire } from './forge.js'

/** Random interleavings of a few keys, and bits of the log repeated later, as crashes leave them. */
const cleanHistory: fc.Arbitrary<History> = fc
  .tuple(
    fc.array(fc.constantFrom('a', 'b', 'c', 'ä/7'), { minLength: 2, maxLength: 40 }),
    fc.array(fc.tuple(fc.nat(39), fc.nat(4), fc.nat(39)), { maxLength: 4 }),
  )
  .map(([keys, repeats]) => {
    const counters = new Map<string, number>()
    const ledger = keys.map((key, index) => {
      const seq = (counters.get(key) ?? 0) + 1
      counters.set(key, seq)
      return ledgerRow(index, key, seq)
    })
    const log: LedgerRow[] = [...ledger]
    for (const [from, length, after] of repeats) {
      // Only what was published may be repeated: the copy goes somewhere behind its first occurrence.
      const part = ledger.slice(from, from + length)
      const last = part.at(-1)
      if (last !== undefined) log.splice(Math.max(log.indexOf(last), after % log.length) + 1, 0, ...part)
    }
    return history(ledger, { messages: logOf(log) })
  })

const check = (forged: History) => checkHistory(forged, { wire, minEmitted: 1, maxDuplicates: 200 })

const idOf = (message: Message): string => message.headers.find(([name]) => name === 'ce_id')![1]!.toString()

/** A mutation gives `null` when the history has nothing for it to act on. */
type Mutation = (forged: History, pick: (bound: number) => number) => History | null

const drop: Mutation = (forged, pick) => {
  const victim = forged.ledger[pick(forged.ledger.length)]!.eventId
  return { ...forged, messages: forged.messages.filter((message) => idOf(message) !== victim) }
}

const swapFirstOccurrences: Mutation = (forged, pick) => {
  const keys = [...new Set(forged.ledger.map((row) => row.aggregateId))]
  const key = keys[pick(keys.length)]!
  const events = forged.ledger.filter((row) => row.aggregateId === key).map((row) => row.eventId)
  if (events.length < 2) return null
  const at = pick(events.length - 1)
  const [one, two] = [events[at], events[at + 1]].map((id) =>
    forged.messages.findIndex((message) => idOf(message) === id),
  ) as [number, number]
  const messages = [...forged.messages]
  messages[one] = { ...forged.messages[two]!, offset: forged.messages[one]!.offset }
  messages[two] = { ...forged.messages[one]!, offset: forged.messages[two]!.offset }
  return { ...forged, messages }
}

const invent: Mutation = (forged, pick) => {
  const model = forged.messages[pick(forged.messages.length)]!
  const headers = model.headers.map(([name, value]) =>
    name === 'ce_id'
      ? ([name, Buffer.from('00000000-0000-4000-8000-999999999999')] as const)
      : ([name, value] as const),
  )
  return { ...forged, messages: [...forged.messages, { ...model, headers, offset: 1000 }] }
}

const alterByte: Mutation = (forged, pick) => {
  const at = pick(forged.messages.length)
  const message = forged.messages[at]!
  const field = pick(message.headers.length + 2) - 2
  const bytes = Buffer.from(
    (field === -2 ? message.key : field === -1 ? message.value : message.headers[field]![1])!,
  )
  const byte = pick(bytes.length)
  bytes[byte] = bytes[byte]! ^ (1 << pick(8))
  const headers = message.headers.map(
    ([name, value], index) => [name, index === field ? bytes : value] as const,
  )
  const changed: Message = {
    ...message,
    ...(field === -2 ? { key: bytes } : field === -1 ? { value: bytes } : { headers }),
  }
  return { ...forged, messages: forged.messages.map((other, index) => (index === at ? changed : other)) }
}

const movePartition: Mutation = (forged, pick) => {
  const at = pick(forged.messages.length)
  const count = partitions['outbox.event.order']
  return {
    ...forged,
    messages: forged.messages.map((message, index) =>
      index === at
        ? { ...message, partition: (message.partition + 1 + pick(count - 1)) % count, offset: 1000 }
        : message,
    ),
  }
}

test('random clean histories pass', () => {
  fc.assert(
    fc.property(cleanHistory, (forged) => {
      expect(check(forged).failures).toEqual([])
    }),
  )
})

test.each([
  ['drop', drop],
  ['swap first occurrences', swapFirstOccurrences],
  ['invent', invent],
  ['alter a byte', alterByte],
  ['move to another partition', movePartition],
])('one mutation of a random clean history is found: %s', (_, mutate) => {
  let mutated = 0
  fc.assert(
    fc.property(cleanHistory, fc.infiniteStream(fc.nat()), (forged, numbers) => {
      const changed = mutate(forged, (bound) => (numbers.next().value as number) % bound)
      if (changed === null) return
      mutated += 1
      expect(check(changed).failures).not.toEqual([])
    }),
  )
  expect(mutated).toBeGreaterThan(50)
})

import { setTimeout as sleep } from 'node:timers/promises'
import type { StoredEvent } from '@outboxkit/core'
import type { Outcome, Publisher } from '@outboxkit/relay'
import type { PlantedFault } from './relay-config.js'

/** The wrong rule that the source keeps for tests, if it is what is planted. */
export function plantedRule(planted: PlantedFault | undefined): 'none' | 'age' | undefined {
  if (planted === 'plain-cursor') return 'none'
  return planted === 'aged-holes' ? 'age' : undefined
}

/** `publisher` with the planted fault, or as it is. */
export function plantedPublisher(planted: PlantedFault | undefined, publisher: Publisher): Publisher {
  if (planted === 'early-mark') return { ...forward(publisher), publish: earlyMark(publisher) }
  if (planted === 'failed-send') return { ...forward(publisher), publish: failedSend(publisher) }
  if (planted === 'reordered') return { ...forward(publisher), publish: reordered(publisher) }
  return publisher
}

function forward(publisher: Publisher): Omit<Publisher, 'publish'> {
  return {
    name: publisher.name,
    topicOf: (event) => publisher.topicOf(event),
    open: async () => publisher.open?.(),
    close: () => publisher.close(),
  }
}

const published: Outcome = { status: 'published' }

/** Harmless until the process dies in between. */
function earlyMark(publisher: Publisher): Publisher['publish'] {
  let before: Promise<unknown> = Promise.resolve()
  return async (events) => {
    const { signal } = new AbortController()
    before = before.then(() => sleep(100)).then(() => publisher.publish(events, { signal }))
    return events.map(() => published)
  }
}

function failedSend(publisher: Publisher): Publisher['publish'] {
  let count = 0
  return async (events, options) => {
    const failing = new Set(events.filter(() => (count += 1) % 100 === 0))
    const outcomes = await publisher.publish(
      events.filter((event) => !failing.has(event)),
      options,
    )
    const answers = outcomes.values()
    return events.map((event) => (failing.has(event) ? published : (answers.next().value ?? published)))
  }
}

function reordered(publisher: Publisher): Publisher['publish'] {
  const isPair = (a: StoredEvent | undefined, b: StoredEvent): boolean => a?.aggregateId === b.aggregateId
  return async (events, options) => {
    const sequence = [...events]
    for (let index = 1; index < sequence.length; index += 2)
      if (isPair(sequence[index - 1], sequence[index]!))
        sequence.splice(index - 1, 2, sequence[index]!, sequence[index - 1]!)
    const outcomes = await publisher.publish(sequence, options)
    return events.map((event) => outcomes[sequence.indexOf(event)] ?? published)
  }
}

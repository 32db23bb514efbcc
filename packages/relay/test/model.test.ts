import { scopeOf, type StoredEvent } from '@outboxkit/core'
import { MemoryOutbox, memoryPublisher, memorySource, type MemoryOperation } from '@outboxkit/testing'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { createRelay, type Publisher, type Relay, type Settlement, type Source } from '@outboxkit/relay'
import { quick, sleep, until } from './support.js'

/*
 * Random events, random answers of broker and database, relays that die at random points, against what is
 * promised: nothing lost, nothing marked that was not published, first publications in order per key and topic.
 */

interface Script {
  /** Key (null: none) and topic of each event, and how often it is refused for good. */
  readonly events: readonly { key: number | null; topic: number; poison: boolean }[]
  /** What happens, one after the other, to calls of the publisher and of the database. */
  readonly publishing: readonly ('ok' | 'fail' | 'throw' | 'partial' | 'die-before' | 'die-after' | 'short')[]
  readonly database: readonly ('ok' | 'fail' | 'lost-reply' | 'die' | 'slow' | 'server')[]
  /** Calls for which this topic is dead. */
  readonly deadTopic: { readonly topic: number; readonly calls: number }
  readonly batchEvents: number
  readonly maxInFlightEvents: number
  readonly policy: 'park-key' | 'skip'
  /** What a person asks for in the end, for every event that was rejected. */
  readonly request: 'retry' | 'discard' | null
}

const script: fc.Arbitrary<Script> = fc.record({
  events: fc.array(
    fc.record({
      key: fc.option(fc.integer({ min: 0, max: 3 }), { freq: 6 }),
      topic: fc.integer({ min: 0, max: 2 }),
      poison: fc.integer({ min: 0, max: 14 }).map((n) => n === 0),
    }),
    { minLength: 1, maxLength: 60 },
  ),
  publishing: fc.array(
    fc.constantFrom('ok', 'ok', 'fail', 'throw', 'partial', 'die-before', 'die-after', 'short'),
    { maxLength: 25 },
  ),
  database: fc.array(
    fc.constantFrom('ok', 'ok', 'ok', 'ok', 'ok', 'fail', 'lost-reply', 'die', 'slow', 'server'),
    { maxLength: 60 },
  ),
  deadTopic: fc.record({ topic: fc.integer({ min: 0, max: 2 }), calls: fc.integer({ min: 0, max: 30 }) }),
  batchEvents: fc.integer({ min: 1, max: 20 }),
  maxInFlightEvents: fc.integer({ min: 1, max: 40 }),
  policy: fc.constantFrom('park-key', 'skip'),
  request: fc.constantFrom('retry', 'discard', null),
})

/** The world of one run; it outlives the relays in it. */
class World {
  readonly outbox = new MemoryOutbox({ archive: true })
  readonly memory = memoryPublisher()
  readonly poison = new Set<number>()
  readonly published: StoredEvent[] = []
  readonly skipped = new Set<number>()
  /** Rows that a relay marked as done although nothing of the kind had happened. */
  readonly falseMarks: number[] = []
  readonly inserted: StoredEvent[] = []
  readonly #script: Script
  readonly #publishing: Script['publishing'][number][]
  readonly #database: Script['database'][number][]
  #calls = 0
  #relays: Relay[] = []

  constructor(given: Script) {
    this.#script = given
    this.#publishing = [...given.publishing]
    this.#database = [...given.database]
  }

  insert({ key, topic, poison }: Script['events'][number]): void {
    const aggregateId = key === null ? null : String(key)
    const row = this.outbox.insert({ aggregateId, topic: `t${topic}` })
    this.inserted.push(row)
    if (poison) this.poison.add(row.position)
  }

  /** A relay process; another one is started as soon as it dies. */
  async startRelay(): Promise<void> {
    const life = { dead: false }
    const die = (): void => {
      if (life.dead) return
      life.dead = true
      // Its lease runs out.
      this.outbox.lease.expiresAt = -Infinity
      void this.startRelay()
    }
    const relay = createRelay({
      ...quick,
      source: this.#source(life, die),
      publisher: this.#publisher(life, die),
      onPoison: this.#script.policy,
      maxInFlightEvents: this.#script.maxInFlightEvents,
      stopTimeoutMs: 20,
    })
    relay.on('skipped', ({ event }) => void (life.dead || this.skipped.add(event.position)))
    this.#relays.push(relay)
    await relay.start()
  }

  #source(life: { dead: boolean }, die: () => void): Source {
    const intercept = async (operation: MemoryOperation, moment: 'before' | 'after'): Promise<void> => {
      if (life.dead) throw new Error('dead')
      const fate = this.#database[0]
      if (fate === undefined || (moment === 'after') !== (fate === 'lost-reply')) return
      this.#database.shift()
      if (fate === 'slow') await sleep(3)
      if (fate === 'server') this.outbox.fingerprint += '+'
      if (fate === 'die') die()
      if (fate === 'fail' || fate === 'lost-reply' || life.dead) throw new Error(`${operation}: ${fate}`)
    }
    const source = memorySource(this.outbox, { batchEvents: this.#script.batchEvents, intercept })
    const settle = source.settle.bind(source)
    const settleHeld = source.settleHeld.bind(source)
    const check = (
      life: { dead: boolean },
      { done, skipped = [] }: Pick<Settlement, 'done' | 'skipped'>,
    ): void => this.#check(life, [...done, ...skipped])
    source.settle = (settlement) => (check(life, settlement), settle(settlement))
    source.settleHeld = (scope, settlement) => (check(life, settlement), settleHeld(scope, settlement))
    return source
  }

  #check(life: { dead: boolean }, done: readonly StoredEvent[]): void {
    if (life.dead) return
    for (const { position } of done)
      if (!this.skipped.has(position) && !this.published.some((event) => event.position === position))
        this.falseMarks.push(position)
  }

  #publisher(life: { dead: boolean }, die: () => void): Publisher {
    return {
      name: 'scripted',
      topicOf: (event) => this.memory.topicOf(event),
      close: () => Promise.resolve(),
      publish: async (events, options) => {
        await sleep(0)
        const fate = this.#publishing.shift() ?? 'ok'
        this.#calls++
        if (fate === 'die-before') die()
        if (life.dead || fate === 'throw') throw new Error(fate)
        const dead = this.#calls <= this.#script.deadTopic.calls ? this.#script.deadTopic.topic : -1
        let left = fate === 'partial' ? Math.ceil(events.length / 2) : Infinity
        this.memory.failWith((event, topic) => {
          if (fate === 'fail' || topic === `t${dead}` || left-- <= 0) return 'retry'
          return this.poison.has(event.position) ? 'reject' : undefined
        })
        const outcomes = await this.memory.publish(events, options)
        events.forEach((event, index) => {
          if (outcomes[index]?.status === 'published') this.published.push(event)
        })
        if (fate === 'die-after') {
          die()
          throw new Error(fate)
        }
        return fate === 'short' ? outcomes.slice(0, outcomes.length >> 1) : outcomes
      },
    }
  }

  get isDrained(): boolean {
    const held = [...this.outbox.held.values()]
    return (
      this.outbox.rows.size === 0 && held.every(({ kind, event }) => kind === 'key' && this.#isBehind(event))
    )
  }

  /** A person asks for something to be done about every rejected event; what was wrong with them is repaired. */
  request(request: 'retry' | 'discard'): void {
    for (const position of this.poison) {
      if (request === 'discard' && this.outbox.held.has(position)) this.skipped.add(position)
      this.outbox.request(position, request)
    }
    if (request === 'retry') this.poison.clear()
  }

  /** Poisonous, or behind a poisonous event of its key. */
  #isBehind(event: StoredEvent): boolean {
    if (this.poison.has(event.position)) return true
    const scope = scopeOf(event)
    return this.inserted.some(
      (one) => one.position < event.position && scopeOf(one) === scope && this.poison.has(one.position),
    )
  }

  async stop(): Promise<void> {
    await Promise.all(this.#relays.map((relay) => relay.stop()))
  }
}

function firstPublications(published: readonly StoredEvent[]): Map<string, number[]> {
  const lanes = new Map<string, number[]>()
  const seen = new Set<number>()
  for (const event of published) {
    const scope = scopeOf(event)
    if (scope === null || seen.has(event.position)) continue
    seen.add(event.position)
    const lane = `${event.topic} ${scope}`
    lanes.set(lane, [...(lanes.get(lane) ?? []), event.position])
  }
  return lanes
}

/** Every broken promise, in words. */
function problemsOf(world: World, nothingIsHeld: boolean): string[] {
  const problems = world.falseMarks.map((position) => `${position} is marked and was not published`)
  for (const [lane, positions] of firstPublications(world.published))
    if (positions.some((position, index) => position < (positions[index - 1] ?? 0)))
      problems.push(`${lane} is out of order: ${positions.join(', ')}`)
  const published = new Set(world.published.map(({ position }) => position))
  for (const { position } of world.inserted) {
    if (published.has(position)) {
      if (world.poison.has(position)) problems.push(`${position} is poisonous and was published`)
    } else if (!world.skipped.has(position) && !world.outbox.held.has(position))
      problems.push(`${position} is lost`)
  }
  if (nothingIsHeld && world.outbox.held.size > 0) problems.push('something is held for good')
  return [...problems, ...archiveProblems(world, published)]
}

/** What has left is in the archive, once and as what it was; what was published in the order of each key. */
function archiveProblems({ outbox, skipped, inserted }: World, published: ReadonlySet<number>): string[] {
  const problems: string[] = []
  const places = new Map<number, number>()
  const last = new Map<string, number>()
  const count = ({ position }: StoredEvent): void =>
    void places.set(position, (places.get(position) ?? 0) + 1)
  for (const event of outbox.rows.values()) count(event)
  for (const { event } of outbox.held.values()) count(event)
  for (const { event, outcome } of outbox.archive) {
    count(event)
    const { position } = event
    if (outcome === 'skipped' && !skipped.has(position)) problems.push(`${position} was not skipped`)
    if (outcome !== 'published') continue
    if (!published.has(position)) problems.push(`${position} is archived as published and was not`)
    const lane = `${event.topic} ${scopeOf(event) ?? `#${position}`}`
    if (position < (last.get(lane) ?? 0)) problems.push(`${lane} is out of order in the archive`)
    last.set(lane, position)
  }
  for (const { position } of inserted)
    if (places.get(position) !== 1) problems.push(`${position} is in ${places.get(position) ?? 0} places`)
  return problems
}

test('promises hold under random faults', { timeout: 120_000 }, async () => {
  await fc.assert(
    fc.asyncProperty(script, async (given) => {
      const world = new World(given)
      const half = given.events.length >> 1
      given.events.slice(0, half).forEach((event) => world.insert(event))
      await world.startRelay()
      await sleep(5)
      given.events.slice(half).forEach((event) => world.insert(event))
      // Whatever still waits, waits behind a poisonous event of its own key.
      await until(() => world.isDrained)
      const { policy, request } = given
      const asked = policy === 'park-key' && request !== null
      if (asked) {
        world.request(request)
        await until(() => world.outbox.held.size === 0)
      }
      await world.stop()

      expect(problemsOf(world, policy === 'skip' || asked)).toEqual([])
    }),
    { numRuns: Number(process.env['MODEL_RUNS'] ?? 100), interruptAfterTimeLimit: 100_000 },
  )
})

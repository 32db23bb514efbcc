import { expect, it } from 'vitest'
import type { Connection, RawRow, Statement } from '../src/postgres/connection.js'
import { resolveOptions, type PostgresSourceInternals } from '../src/postgres/options.js'
import { Reader } from '../src/postgres/reader.js'

type Answers = Partial<
  Record<'read' | 'sweep' | 'holders' | 'last_value', (values: Statement['values']) => RawRow[]>
>

const head = (snapshot: string, lastValue: number, identity = 'me'): RawRow => [
  null,
  '0',
  snapshot,
  identity,
  String(lastValue),
]
const row = (position: number): RawRow => [
  String(position),
  '100',
  'id',
  'order',
  '1',
  't',
  '{}',
  null,
  null,
  '',
]

/** A reader on a server that answers what the test says, one statement at a time. */
async function started(answers: Answers, internal: PostgresSourceInternals = {}): Promise<Reader> {
  const connection = {
    query: ({ name, values }: Statement): Promise<readonly RawRow[]> => {
      const answer = answers[name.replace('outboxkit_', '') as keyof Answers]
      if (answer === undefined) throw new Error(`Nothing answers ${name}.`)
      return Promise.resolve(answer(values))
    },
  }
  const options = resolveOptions({
    url: 'postgres://h/db',
    sweep: { intervalMs: 0 },
    noteIntervalMs: 0,
    internal: { sweepShare: 0, ...internal },
  })
  const target = { sequence: 's', relations: ['1'], server: 'id/1', identity: 'me' }
  const reader = new Reader(connection as unknown as Connection, options, target)
  await reader.start()
  return reader
}

const atStart: Answers = { last_value: () => [['0']], holders: () => [[null, '100']] }

async function positions(reader: Reader): Promise<number[]> {
  return (await reader.read()).events.map(({ position }) => position)
}

it('does not take for late what is settled while the sweep looks', async () => {
  let rows = [row(1), row(2)]
  let isSecond = false
  let reader: Reader | undefined
  const answers: Answers = {
    ...atStart,
    read: () => [head('100:100:', 2), ...rows],
    sweep: () => {
      if (!isSecond) return []
      // the sweep's snapshot still shows row 1; before it is answered the settlement is
      reader?.settled(1)
      return [['1'], ['2']]
    },
  }
  reader = await started(answers)
  expect(await positions(reader)).toEqual([1, 2])
  rows = []
  isSecond = true
  expect(await positions(reader)).toEqual([])
  expect(reader.stats).toMatchObject({ sweeps: 2, late: 0, inFlight: 1 })
})

it('looks again at what the sweep found before it delivers that', async () => {
  const probed: unknown[] = []
  const reader = await started(
    {
      ...atStart,
      read: (values) => {
        probed.push(values[0])
        // the second time only the late rows are asked for
        return [head('100:100:', 3), ...(probed.length === 1 ? [row(3)] : [row(1)])]
      },
      sweep: () => (probed.length === 0 ? [] : [['1'], ['2'], ['3']]),
    },
    { unsafeRule: 'none' },
  )
  expect(await positions(reader)).toEqual([3])
  const batch = await reader.read()
  expect(batch.events.map(({ position }) => position)).toEqual([1])
  expect(batch.late).toBe(1)
  expect(probed[1]).toEqual([1, 2])
})

it('reads again, with the holes that rested, what it has put aside', async () => {
  let snapshot = '90:100:95'
  const asked: unknown[] = []
  let holders: RawRow[] = [[null, '100']]
  const reader = await started(
    {
      ...atStart,
      holders: () => holders,
      sweep: () => [],
      read: ([singles]) => {
        asked.push(singles)
        if (asked.length === 1) return [head(snapshot, 2), row(2)]
        if (snapshot === '90:100:95') return [head(snapshot, 2)]
        return [head(snapshot, 3), ...(Array.isArray(singles) && singles.includes(1) ? [row(1)] : []), row(3)]
      },
    },
    { restAfterMs: 0 },
  )
  expect(await positions(reader)).toEqual([2])
  holders = [
    [null, '100'],
    ['3/1', null],
    ['3/1', '95'],
  ]
  while (reader.stats.resting === 0) expect(await positions(reader)).toEqual([])
  const before = asked.length
  snapshot = '101:101:'
  expect(await positions(reader)).toEqual([1, 3])
  expect(asked.slice(before)).toEqual([[], [1]])
  expect(reader.stats.repeated).toBe(1)
})

it('does not rely on the order of the rows in an answer to find the one that says who answers', async () => {
  const reader = await started({
    ...atStart,
    sweep: () => [],
    read: () => [row(1), row(2), head('100:100:', 2)],
  })
  expect(await positions(reader)).toEqual([1, 2])
})

it('takes no row of another server', async () => {
  const reader = await started({
    ...atStart,
    sweep: () => [],
    read: () => [head('100:100:', 2, 'other'), row(1)],
  })
  const batch = await reader.read()
  expect(batch).toEqual({ events: [], truncated: false, fingerprint: 'id/1/other' })
  await expect(reader.read()).rejects.toMatchObject({ code: 'OUTBOX_SOURCE_FAILED' })
})

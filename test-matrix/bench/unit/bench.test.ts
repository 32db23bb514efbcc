import { expect, test } from 'vitest'
import { summarize, type Series } from '../measurement.js'
import { readOptions, UsageError } from '../options.js'
import { toJsonLines, toMarkdown, toTable, writeRegion } from '../output.js'
import { alternate } from '../runner.js'
import { quantile, seeded, spreadOf } from '../statistics.js'

const series: Series = {
  bench: 'drain: 10 events',
  database: 'postgres',
  orm: null,
  driver: 'kafkajs',
  unit: 'events/s',
  aim: { of: 'ratio', least: 0.7 },
  ceiling: 'the client alone',
  pairs: [
    { value: 60, against: 100 },
    { value: 80, against: 100 },
    { value: 45, against: 50 },
  ],
}

test('quantiles lie between their neighbours', () => {
  expect(quantile([3, 1, 2], 0.5)).toBe(2)
  expect(quantile([1, 2, 3, 4], 0.5)).toBe(2.5)
  expect(quantile([5], 0.99)).toBe(5)
  expect(quantile([0, 100], 0.99)).toBeCloseTo(99)
  expect(() => quantile([], 0.5)).toThrow(RangeError)
  expect(spreadOf([])).toBeNull()
  expect(spreadOf([2, 9, 4])).toEqual({ min: 2, median: 4, max: 9 })
})

test('the same seed gives the same numbers', () => {
  const [one, two, other] = [seeded(7), seeded(7), seeded(8)]
  const first = [one(), one(), one()]
  expect([two(), two(), two()]).toEqual(first)
  expect(other()).not.toBe(first[0])
  expect(first.every((number) => number >= 0 && number < 1)).toBe(true)
})

test('both sides take turns at going first', async () => {
  const order: string[] = []
  const side = (name: string) => async (): Promise<number> => order.push(name)
  const pairs = await alternate(3, { value: side('A'), against: side('B') })
  expect(order.join('')).toBe('ABBAAB')
  expect(pairs).toEqual([
    { value: 1, against: 2 },
    { value: 4, against: 3 },
    { value: 5, against: 6 },
  ])
})

test('a ratio is taken within each run, and the aim is judged by the median', () => {
  const measurement = summarize(series)
  expect(measurement).toMatchObject({ value: 60, against: 100, ratio: 0.8, reached: true })
  expect(measurement.spread?.ratio).toEqual({ min: 0.6, median: 0.8, max: 0.9 })
  expect(measurement.aim).toBe('ratio >= 0.7')
})

test.each([
  [{ of: 'value', most: 60 }, '<= 60 events/s', true],
  [{ of: 'value', most: 59 }, '<= 59 events/s', false],
  [{ of: 'difference', most: -20 }, 'on top <= -20 events/s', true],
  [{ of: 'difference', most: -21 }, 'on top <= -21 events/s', false],
  [{ of: 'ratio', most: 0.79 }, 'ratio <= 0.79', false],
  [null, null, null],
] as const)('aim %j', (aim, text, reached) => {
  expect(summarize({ ...series, aim })).toMatchObject({ aim: text, reached })
})

test('without a ceiling there is no ratio, and without a figure no aim is reached', () => {
  const alone = summarize({ ...series, aim: null, pairs: [{ value: 4, against: null }] })
  expect(alone).toMatchObject({ value: 4, against: null, ratio: null, reached: null })
  const nothing = summarize({ ...series, aim: { of: 'value', most: 0 }, pairs: [] })
  expect(nothing).toMatchObject({ value: null, ratio: null, spread: null, reached: false })
})

test('--json: one object per line, with the same keys in every line', () => {
  const lines = toJsonLines([summarize(series), summarize({ ...series, pairs: [] })]).split('\n')
  expect(lines.pop()).toBe('')
  expect(lines.map((line) => Object.keys(JSON.parse(line) as object).slice(0, 10))).toEqual(
    Array.from({ length: 2 }, () => [
      'bench',
      'database',
      'orm',
      'driver',
      'value',
      'unit',
      'against',
      'ratio',
      'aim',
      'reached',
    ]),
  )
})

test('the table has the medians and the extremes, and the notes below it', () => {
  const table = toTable([summarize({ ...series, note: 'mind the gap' })])
  expect(table).toContain('60.0')
  expect(table).toContain('(45.0 … 80.0) events/s')
  expect(table).toContain('(the client alone)')
  expect(table).toContain('drain: 10 events (postgres, kafkajs): mind the gap')
})

test('Markdown replaces what is between the marks, and nothing else', () => {
  const markdown = toMarkdown([summarize(series)], 'A machine')
  expect(markdown.split('\n')[4]).toBe(
    '| drain: 10 events | postgres, kafkajs | 60.0 (45.0 … 80.0) events/s | 100 (50.0 … 100) events/s (the client alone) | 0.80 (0.60 … 0.90) | ratio >= 0.7 | yes |',
  )
  const page = 'before\n<!-- bench:start -->\nold\n<!-- bench:end -->\nafter\n'
  const once = writeRegion(page, 'new')
  expect(once).toBe('before\n<!-- bench:start -->\n\nnew\n<!-- bench:end -->\nafter\n')
  expect(writeRegion(once, 'new')).toBe(once)
  expect(() => writeRegion('nothing', 'new')).toThrow('no region')
})

test('options: lists keep the order of the benches, and what is unknown is named', () => {
  const options = readOptions(['--only', 'drain,emit', '--quick', '--json'])
  expect(options).toMatchObject({ benches: ['emit', 'drain'], runs: 1, quick: true, format: 'json' })
  expect(readOptions([])).toMatchObject({ runs: 3, databases: ['postgres'], drivers: ['kafkajs'] })
  for (const wrong of [['--only', 'speed'], ['--runs', '0'], ['--json', '--markdown'], ['--nothing']])
    expect(() => readOptions(wrong)).toThrow(UsageError)
  expect(() => readOptions(['--only', 'speed'])).toThrow('speed')
})

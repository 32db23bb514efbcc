import { describe, expect, test } from 'vitest'
import { planTransaction, type Plan, type Step } from '../plan.js'
import { Random } from '../random.js'

const plans = (seed: number, count: number): Plan[] => {
  const random = new Random(seed)
  return Array.from({ length: count }, () => {
    const own = random.fork()
    return planTransaction(own, { keys: ['a', 'b'].slice(0, own.between(1, 2)), rollbackShare: 0.1 })
  })
}

const flat = (steps: readonly Step[]): Step[] =>
  steps.flatMap((step) => (step.kind === 'savepoint' ? [step, ...flat(step.steps)] : [step]))

describe('the generator', () => {
  test('the same seed gives the same plans, another seed others', () => {
    expect(plans(7, 50)).toEqual(plans(7, 50))
    expect(plans(8, 50)).not.toEqual(plans(7, 50))
  })

  test('draws evenly', () => {
    const random = new Random(1)
    const draws = Array.from({ length: 10_000 }, () => random.between(1, 5))
    for (const value of [1, 2, 3, 4, 5]) {
      const share = draws.filter((draw) => draw === value).length / draws.length
      expect(share).toBeGreaterThan(0.18)
      expect(share).toBeLessThan(0.22)
    }
  })

  test('makes UUIDs that do not repeat', () => {
    const random = new Random(1)
    const ids = Array.from({ length: 10_000 }, () => random.uuid())
    expect(new Set(ids).size).toBe(ids.length)
    for (const id of ids.slice(0, 10))
      expect(id).toMatch(/^[\da-f]{8}-[\da-f]{4}-4[\da-f]{3}-8[\da-f]{3}-[\da-f]{12}$/)
  })
})

describe('plans', () => {
  const all = plans(1, 4000)

  test('hold everything that the workload is to contain', () => {
    const rolledBack = all.filter((plan) => !plan.commit).length / all.length
    expect(rolledBack).toBeGreaterThan(0.08)
    expect(rolledBack).toBeLessThan(0.12)
    const steps = all.flatMap((plan) => flat(plan.steps))
    const modes = new Set(steps.map((step) => (step.kind === 'emit' ? step.mode : step.kind)))
    expect(modes).toEqual(new Set(['each', 'list', 'unawaited', 'wait', 'savepoint']))
    const savepoints = steps.filter((step) => step.kind === 'savepoint')
    expect(new Set(savepoints.map((step) => step.keep)).size).toBe(2)
  })

  test('take their keys in ascending order, so that none can deadlock', () => {
    for (const plan of all) {
      const keys = flat(plan.steps).flatMap((step) =>
        step.kind === 'emit' ? step.events.map((e) => e.aggregateId) : [],
      )
      expect(keys).toEqual([...keys].sort())
    }
  })

  test('give an id to every event of an un-awaited call', () => {
    const ids = all
      .flatMap((plan) => flat(plan.steps))
      .flatMap((step) => (step.kind === 'emit' && step.mode === 'unawaited' ? step.events : []))
      .map((event) => event.id)
    expect(ids.length).toBeGreaterThan(100)
    expect(ids).not.toContain(null)
  })
})

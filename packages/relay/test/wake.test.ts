import { expect, test } from 'vitest'
import { RelayEmitter } from '../src/events.js'
import { createSerial } from '../src/serial.js'
import { Wake } from '../src/wake.js'
import { sleep } from './support.js'

test('a wait ends by time', async () => {
  const startedAt = performance.now()
  await new Wake().wait(20)
  expect(performance.now() - startedAt).toBeGreaterThan(18)
})

test('a notification during a wait ends it', async () => {
  const wake = new Wake()
  const waiting = wake.wait(60_000)
  wake.notify()
  await expect(waiting).resolves.toBeUndefined()
})

test('a notification before a wait is not lost, and counts once', async () => {
  const wake = new Wake()
  wake.notify()
  wake.notify()
  await wake.wait(60_000)
  const startedAt = performance.now()
  await wake.wait(20)
  expect(performance.now() - startedAt).toBeGreaterThan(18)
})

test('a wait without end can be cut short', async () => {
  const wake = new Wake()
  setTimeout(() => wake.notify(), 5)
  await expect(wake.wait(Infinity)).resolves.toBeUndefined()
})

test('timers get their turn when notifications never cease', async () => {
  const wake = new Wake()
  let fired = false
  setTimeout(() => (fired = true), 1)
  const startedAt = performance.now()
  while (!fired && performance.now() - startedAt < 1_000) {
    wake.notify()
    await wake.wait(60_000)
  }
  expect(fired).toBe(true)
})

test('tasks run one after the other, also after one that failed', async () => {
  const serial = createSerial()
  const log: string[] = []
  const task = (name: string, ms: number, fails = false) =>
    serial(async () => {
      log.push(`${name} begins`)
      await sleep(ms)
      log.push(`${name} ends`)
      if (fails) throw new Error(name)
      return name
    })
  const results = await Promise.allSettled([task('a', 10), task('b', 1, true), task('c', 0)])
  expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled'])
  expect(log).toEqual(['a begins', 'a ends', 'b begins', 'b ends', 'c begins', 'c ends'])
})

test('listeners that throw or reject are counted and break nothing', async () => {
  let failures = 0
  const emitter = new RelayEmitter(() => failures++)
  const heard: number[] = []
  const listener = (): void => void heard.push(1)
  emitter.on('late', () => {
    throw new Error('thrown')
  })
  emitter.on('late', () => Promise.reject(new Error('rejected')))
  emitter.on('late', listener)
  emitter.emit('late', { count: 1 })
  emitter.off('late', listener)
  emitter.emit('late', { count: 1 })
  await sleep(0)
  expect(heard).toEqual([1])
  expect(failures).toBe(4)
})

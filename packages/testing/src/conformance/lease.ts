/* oxlint-disable vitest/valid-title -- the titles are parameters */
import type { Lease, LeaseStore } from '@outboxkit/relay'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { pause } from './source-harness.js'

/** A fresh lease table of one test. */
export interface LeaseUnderTest {
  /** A store on the table, with a connection of its own; closed by `dispose`. */
  store(): LeaseStore
  /** Moves the expiry, as a database clock that was wrong when the lease was taken would have set it. */
  shiftExpiry(ms: number): Promise<void>
  /** Locks the row, as a statement of somebody else would; resolves with what ends that. */
  lockRow(): Promise<() => Promise<void>>
  /** What is stored of the owner's last error, and how many seconds ago that was. */
  lastError(): Promise<{ readonly text: string | null; readonly ageSeconds: number | null }>
  /** Deletes the row of the table. */
  clear(): Promise<void>
  dispose(): Promise<void>
}

export interface LeaseHarness {
  readonly name: string
  open(): Promise<LeaseUnderTest>
}

const termMs = 60_000

/** What every lease store has to do, against a real database. Call it at the top level of a test file. */
export function leaseSuite(harness: LeaseHarness): void {
  describe(`lease: ${harness.name}`, () => {
    let test: LeaseUnderTest | undefined
    beforeEach(async () => {
      test = await harness.open()
    })
    afterEach(async () => {
      await test?.dispose()
      test = undefined
    })
    const current = (): LeaseUnderTest => {
      if (test === undefined) throw new Error('The table is made before each test.')
      return test
    }
    acquireTests(current)
    takeOverTests(current)
    renewTests(current)
  })
}

async function acquired(store: LeaseStore, owner: string, term = termMs): Promise<Lease> {
  const answer = await store.acquire({ owner, termMs: term })
  if (answer === undefined) throw new Error('The lease belongs to somebody.')
  return answer.lease
}

function acquireTests(current: () => LeaseUnderTest): void {
  it('is free at first', async () => {
    expect(await current().store().look()).toMatchObject({ owner: null, expired: true })
  })

  it('adds the row that is missing, also when several look at once', async () => {
    await current().clear()
    const looks = await Promise.all([1, 2, 3, 4].map(() => current().store().look()))
    expect(looks.map(({ owner, epoch }) => ({ owner, epoch }))).toEqual(
      Array(4).fill({ owner: null, epoch: 0 }),
    )
    await current().clear()
    expect((await acquired(current().store(), 'a')).epoch).toBe(1)
  })

  it('is acquired by one, and shown to the others', async () => {
    const [a, b] = [current().store(), current().store()]
    const answer = await a.acquire({ owner: 'a', termMs })
    expect(answer).toEqual({ lease: { owner: 'a', epoch: expect.any(Number) }, unclean: false })
    const look = await b.look()
    expect(look).toMatchObject({ owner: 'a', epoch: answer?.lease.epoch, expired: false })
    expect(await b.acquire({ owner: 'b', termMs })).toBeUndefined()
    expect(await b.look()).toEqual(look)
  })

  it('is acquired by exactly one of many that try at once', async () => {
    const stores = Array.from({ length: 8 }, () => current().store())
    await Promise.all(stores.map((store) => store.look()))
    for (let round = 0; round < 5; round++) {
      const answers = await Promise.all(stores.map((store, i) => store.acquire({ owner: `${i}`, termMs })))
      const winners = answers.filter((answer) => answer !== undefined)
      expect(winners.length).toBe(1)
      const [winner] = winners
      const look = await stores[0]?.look()
      expect(look).toMatchObject({ owner: winner?.lease.owner, epoch: winner?.lease.epoch })
      if (winner !== undefined) await stores[0]?.release(winner.lease)
    }
  })
}

function takeOverTests(current: () => LeaseUnderTest): void {
  it('is taken over when it has expired, with the next epoch, as unclean', async () => {
    const [a, b] = [current().store(), current().store()]
    const { epoch } = await acquired(a, 'a', 200)
    expect(await b.acquire({ owner: 'b', termMs })).toBeUndefined()
    await pause(250)
    expect((await b.look()).expired).toBe(true)
    const answer = await b.acquire({ owner: 'b', termMs })
    expect(answer).toEqual({ lease: { owner: 'b', epoch: epoch + 1 }, unclean: true })
  })

  it('is taken over by one of many that have waited for the same row', async () => {
    await acquired(current().store(), 'a', 1)
    await pause(10)
    const stores = Array.from({ length: 4 }, () => current().store())
    await Promise.all(stores.map((store) => store.look()))
    const unlock = await current().lockRow()
    const answers = Promise.all(stores.map((store, i) => store.acquire({ owner: `${i}`, termMs })))
    await pause(200)
    await unlock()
    expect((await answers).filter((answer) => answer !== undefined).length).toBe(1)
  })

  it('is free for one of many that have waited for the same row', async () => {
    const stores = Array.from({ length: 4 }, () => current().store())
    await Promise.all(stores.map((store) => store.look()))
    const unlock = await current().lockRow()
    const answers = Promise.all(stores.map((store, i) => store.acquire({ owner: `${i}`, termMs })))
    await pause(200)
    await unlock()
    expect((await answers).filter((answer) => answer !== undefined).length).toBe(1)
  })

  it('is taken over when nothing has changed since an earlier look, whatever the clock of the database says', async () => {
    const [a, b] = [current().store(), current().store()]
    const lease = await acquired(a, 'a')
    await current().shiftExpiry(1_000_000_000)
    const look = await b.look()
    expect(look.expired).toBe(false)
    expect(await b.acquire({ owner: 'b', termMs })).toBeUndefined()
    const answer = await b.acquire({ owner: 'b', termMs, unchangedSince: look })
    expect(answer).toEqual({ lease: { owner: 'b', epoch: lease.epoch + 1 }, unclean: true })
  })

  it('is not taken over when it was renewed or acquired since that look', async () => {
    const [a, b, c] = [current().store(), current().store(), current().store()]
    const lease = await acquired(a, 'a')
    const look = await b.look()
    expect(await a.renew(lease, termMs)).toBe(true)
    expect(await b.acquire({ owner: 'b', termMs, unchangedSince: look })).toBeUndefined()
    await c.acquire({ owner: 'c', termMs, unchangedSince: await c.look() })
    expect(await b.acquire({ owner: 'b', termMs, unchangedSince: look })).toBeUndefined()
    expect((await b.look()).owner).toBe('c')
  })
}

function renewTests(current: () => LeaseUnderTest): void {
  it('counts renewals and moves the expiry', async () => {
    const store = current().store()
    const lease = await acquired(store, 'a', 300)
    const before = await store.look()
    expect(await store.renew(lease, termMs)).toBe(true)
    await pause(350)
    const after = await store.look()
    expect(after).toEqual({ ...before, renewals: before.renewals + 1, expired: false })
  })

  it('can be renewed after it has expired, as long as nobody has taken it', async () => {
    const store = current().store()
    const lease = await acquired(store, 'a', 1)
    await pause(10)
    expect(await store.renew(lease, termMs)).toBe(true)
    expect((await store.look()).expired).toBe(false)
  })

  it('keeps what the owner says of its last error until the next one, through releases and take-overs', async () => {
    const [a, b] = [current().store(), current().store()]
    const first = await acquired(a, 'a')
    expect(await current().lastError()).toEqual({ text: null, ageSeconds: null })
    await a.renew(first, termMs, { text: 'OUTBOX_PUBLISH_RETRY: größer als 1 \'"\\', ageMs: 90_500 })
    await a.renew(first, termMs)
    await a.release(first)
    const second = await acquired(b, 'b')
    await b.renew(second, termMs)
    const { text, ageSeconds } = await current().lastError()
    expect(text).toBe('OUTBOX_PUBLISH_RETRY: größer als 1 \'"\\')
    expect(ageSeconds).toBeGreaterThanOrEqual(90)
    expect(ageSeconds).toBeLessThan(180)
    expect(await a.renew(first, termMs, { text: 'of one that has lost it', ageMs: 0 })).toBe(false)
    await a.release(first, { text: 'of one that has lost it', ageMs: 0 })
    expect(await current().lastError()).toMatchObject({ text })
    await b.release(second, { text: 'the last words', ageMs: 0 })
    expect(await current().lastError()).toMatchObject({ text: 'the last words' })
  })

  it('is lost after a take-over', async () => {
    const [a, b] = [current().store(), current().store()]
    const lost = await acquired(a, 'a', 1)
    await pause(10)
    await acquired(b, 'b')
    const look = await b.look()
    expect(await a.renew(lost, termMs)).toBe(false)
    await a.release(lost)
    expect(await b.look()).toEqual(look)
  })

  it('is lost to an owner of the same name with a later epoch', async () => {
    const store = current().store()
    const lost = await acquired(store, 'a', 1)
    await pause(10)
    const lease = await acquired(store, 'a')
    expect(lease.epoch).toBeGreaterThan(lost.epoch)
    expect(await store.renew(lost, termMs)).toBe(false)
    expect(await store.renew(lease, termMs)).toBe(true)
  })

  it('is free again after a release, with a clean take-over', async () => {
    const [a, b] = [current().store(), current().store()]
    const lease = await acquired(a, 'a')
    await a.release(lease)
    expect(await b.look()).toMatchObject({ owner: null, epoch: lease.epoch, expired: true })
    expect(await a.renew(lease, termMs)).toBe(false)
    const answer = await b.acquire({ owner: 'b', termMs })
    expect(answer).toEqual({ lease: { owner: 'b', epoch: lease.epoch + 1 }, unclean: false })
  })

  it('works again after it was closed', async () => {
    const store = current().store()
    const lease = await acquired(store, 'a')
    await store.close()
    expect(await store.renew(lease, termMs)).toBe(true)
  })
}

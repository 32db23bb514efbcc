import type { OutboxState } from '@outboxkit/relay'
import { describe, expect, it } from 'vitest'
import { livenessOf, readinessOf, type HealthView } from '../src/worker/health.js'
import { createHttp, listen, type HttpTargets } from '../src/worker/http.js'

const limits = { hangsAfterMs: 120_000, oldAfterMs: 60_000 }

const backlog = (oldestAgeSeconds: number | null): OutboxState =>
  ({ backlog: { rows: oldestAgeSeconds === null ? 0 : 5, atLeast: false, oldestAgeSeconds } }) as OutboxState

const view = (changes: Partial<HealthView> = {}): HealthView => ({
  name: 'default',
  state: 'owner',
  mistake: undefined,
  faults: [],
  stillForMs: 0,
  sincePublishedMs: Infinity,
  table: backlog(null),
  ...changes,
})

const fault = (about: string) => ({ about, code: 'X', message: `${about} is down`, forMs: 1, times: 1 })

describe('livenessOf', () => {
  it.each([
    ['a loop that turns', {}, true],
    ['a broker that is down', { faults: [fault('the broker')] }, true],
    ['a database that is down', { faults: [fault('the database')] }, true],
    ['a loop that has stopped turning', { stillForMs: 120_000 }, false],
    ['a standby whose wait has stopped turning', { state: 'standby', stillForMs: 120_000 }, false],
    ['one that is halted: the others would go down with it', { state: 'failed', stillForMs: 120_000 }, true],
    ['one that sleeps', { state: 'asleep', stillForMs: 240_000 }, true],
  ] as const)('%s', (_, changes, ok) => {
    expect(livenessOf(view(changes), limits).ok).toBe(ok)
  })
})

describe('readinessOf', () => {
  it.each([
    ['an owner with nothing to do', {}, true],
    ['an owner with a fresh backlog', { table: backlog(59) }, true],
    ['an old backlog that makes progress', { table: backlog(3_600), sincePublishedMs: 1_000 }, true],
    ['an old backlog that makes none', { table: backlog(61), sincePublishedMs: 61_000 }, false],
    ['an old backlog of which nothing was ever published', { table: backlog(61) }, false],
    [
      'an old backlog on a standby, which is not its business',
      { state: 'standby', table: backlog(600) },
      true,
    ],
    ['a broker that is down, with nothing to publish', { faults: [fault('the broker')] }, true],
    ['a database that is down', { faults: [fault('the database')] }, false],
    ['a lease that cannot be renewed', { faults: [fault('the lease')] }, false],
    ['one that is still connecting', { state: 'connecting' }, false],
    ['one that sleeps', { state: 'asleep', table: undefined }, true],
    ['one that somebody has to put right', { state: 'failed', mistake: 'wrong password' }, false],
    ['an owner whose backlog could not be measured', { table: undefined }, true],
  ] as const)('%s', (_, changes, ok) => {
    const health = readinessOf(view(changes), limits)
    expect(health.ok).toBe(ok)
    expect(health.reason === undefined).toBe(ok)
  })

  it('says since when and why', () => {
    const { reason } = readinessOf(view({ table: backlog(75), faults: [fault('the broker')] }), limits)
    expect(reason).toBe('an event has waited for 75 s, and none was published ever: the broker is down')
  })
})

describe('the HTTP server', () => {
  const woken: (string | undefined)[] = []
  const targets = (ok: boolean): HttpTargets => ({
    live: () => [{ name: 'a', state: 'owner', ok: true }],
    ready: async () => [
      { name: 'a', state: 'owner', ok: true },
      { name: 'b', state: 'owner', ok, ...(ok ? {} : { reason: 'the database is down' }) },
    ],
    metrics: async () => ({ contentType: 'text/plain; version=0.0.4; charset=utf-8', text: 'x 1\n' }),
    wake: (name) => {
      woken.push(name)
      return name !== 'nobody'
    },
  })

  it('names each outbox, and fails when one of them is not ready', async () => {
    const good = await createHttp(targets(true)).request('/readyz')
    expect(good.status).toBe(200)
    const bad = await createHttp(targets(false)).request('/readyz')
    expect(bad.status).toBe(503)
    expect(await bad.json()).toEqual({
      status: 'fail',
      outboxes: [
        { name: 'a', state: 'owner', ok: true },
        { name: 'b', state: 'owner', ok: false, reason: 'the database is down' },
      ],
    })
    expect((await createHttp(targets(false)).request('/livez')).status).toBe(200)
  })

  it('gives metrics as Prometheus wants them', async () => {
    const response = await createHttp(targets(true)).request('/metrics')
    expect(response.headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8')
    expect(await response.text()).toBe('x 1\n')
  })

  it('wakes one or all, by POST only, and not for pages in a browser', async () => {
    const app = createHttp(targets(true))
    woken.length = 0
    expect((await app.request('/wake', { method: 'POST' })).status).toBe(202)
    expect((await app.request('/wake?outbox=a', { method: 'POST' })).status).toBe(202)
    expect((await app.request('/wake?outbox=nobody', { method: 'POST' })).status).toBe(404)
    expect((await app.request('/wake')).status).toBe(404)
    const origin = { origin: 'https://evil.example' }
    expect((await app.request('/wake', { method: 'POST', headers: origin })).status).toBe(403)
    expect(woken).toEqual([undefined, 'a', 'nobody'])
  })

  it('says what is wrong when its address is taken', async () => {
    const first = await listen(createHttp(targets(true)), '127.0.0.1', 0)
    const { port } = new URL(first.url)
    await expect(listen(createHttp(targets(true)), '127.0.0.1', Number(port))).rejects.toMatchObject({
      code: 'OUTBOX_OPTION_INVALID',
      message: expect.stringContaining('something else listens there'),
    })
    expect((await fetch(`${first.url}/livez`)).status).toBe(200)
    await first.close()
  })
})

import type { StoredEvent } from '@outboxkit/core'
import type { HeldEvent } from '@outboxkit/relay'
import { expect, it } from 'vitest'
import { opened, pause, readOnce, rejection, type CurrentTest } from './source-harness.js'

const held = (event: StoredEvent, scope = 'order:1', more: Partial<HeldEvent> = {}): HeldEvent => ({
  event,
  kind: 'key',
  scope,
  code: 'OUTBOX_PUBLISH_REJECTED',
  reason: 'too "large" \\ €',
  attempts: 3,
  ...more,
})

/** How rows leave. */
export function sourceSettleTests(current: CurrentTest): void {
  it('deletes exactly what was settled', async () => {
    const writer = await current().writer()
    for (let i = 0; i < 5; i++) await writer.insert()
    const source = await opened(current())
    const events = await readOnce(source)
    await source.settle({ done: [events[1], events[3]].filter((event) => event !== undefined), held: [] })
    expect(await current().positions()).toEqual([0, 2, 4].map((index) => events[index]?.position))
    await source.settle({ done: events, held: [] })
    expect(await current().positions()).toEqual([])
    await source.settle({ done: [], held: [] })
  })

  it('changes nothing when the lease is lost', async () => {
    const writer = await current().writer()
    await writer.insert()
    await writer.insert()
    const source = await opened(current())
    const [first, second] = await readOnce(source)
    if (first === undefined || second === undefined) throw new Error('two events were expected')
    await writer.takeLease('other')
    const settlements = [
      { done: [first], held: [] },
      { done: [], held: [held(second)] },
      { done: [first], held: [held(second)] },
      { done: [], held: [] },
    ]
    for (const settlement of settlements)
      expect((await rejection(source.settle(settlement))).code).toBe('OUTBOX_LEASE_LOST')
    expect((await rejection(source.settleHeld({ kind: 'key', scope: 'a' }, { done: [first] }))).code).toBe(
      'OUTBOX_LEASE_LOST',
    )
    expect(await current().positions()).toEqual([first.position, second.position])
    expect(await current().held()).toEqual([])
  })

  it.each(['released', 'taken over under the same name'])(
    'changes nothing when the lease was %s',
    async (how) => {
      const position = await (await current().writer()).insert()
      const source = await opened(current())
      const done = await readOnce(source)
      const { owner, epoch } = await source.leases.look()
      await source.leases.release({ owner: owner ?? '', epoch })
      if (how !== 'released') await source.leases.acquire({ owner: owner ?? '', termMs: 60_000 })
      expect((await rejection(source.settle({ done, held: [] }))).code).toBe('OUTBOX_LEASE_LOST')
      expect(await current().positions()).toEqual([position])
    },
  )

  it('changes nothing when it has waited for a take-over', async () => {
    const [writer, other] = [await current().writer(), await current().writer()]
    await writer.insert()
    await writer.insert()
    const source = await opened(current())
    const [first, second] = await readOnce(source)
    if (first === undefined || second === undefined) throw new Error('two events were expected')
    await other.begin()
    await other.takeLease('other')
    let answered = false
    const settled = rejection(source.settle({ done: [first], held: [held(second)] })).finally(() => {
      answered = true
    })
    await pause(200)
    expect(answered, 'the fence must wait for the lease row').toBe(false)
    await other.commit()
    expect((await settled).code).toBe('OUTBOX_LEASE_LOST')
    expect(await current().positions()).toEqual([first.position, second.position])
    expect(await current().held()).toEqual([])
  })

  it('does the same for a settlement without rows to move', async () => {
    const [writer, other] = [await current().writer(), await current().writer()]
    const position = await writer.insert()
    const source = await opened(current())
    const done = await readOnce(source)
    await other.begin()
    await other.takeLease('other')
    const settled = rejection(source.settle({ done, held: [] }))
    await pause(100)
    await other.commit()
    expect((await settled).code).toBe('OUTBOX_LEASE_LOST')
    expect(await current().positions()).toEqual([position])
  })

  it('moves rows to the held table as they are, and reads them in order', async () => {
    const writer = await current().writer()
    const payload = '{"b":1,  "a" : 1.10}'
    for (let i = 0; i < 4; i++) await writer.insert({ key: '1', payload, headers: '{"h": "v"}' })
    const source = await opened(current())
    const [a, b, c, d] = await readOnce(source)
    if (!a || !b || !c || !d) throw new Error('four events were expected')
    await source.settle({ done: [a], held: [held(b), held(c), held(d, 'dead.topic', { kind: 'topic' })] })
    // a repeated settlement changes nothing
    await source.settle({ done: [a], held: [held(b, 'elsewhere')] })
    expect(await current().positions()).toEqual([])
    const [row] = await current().held()
    expect(row).toEqual({
      position: b.position,
      scopeKind: 'key',
      scope: 'order:1',
      code: 'OUTBOX_PUBLISH_REJECTED',
      reason: 'too "large" \\ €',
      attempts: 3,
      payload,
      request: null,
    })
    const scopes = [...(await source.heldScopes())].sort((x, y) => x.kind.localeCompare(y.kind))
    expect(scopes).toEqual([
      { kind: 'key', scope: 'order:1' },
      { kind: 'topic', scope: 'dead.topic' },
    ])
    const rows = await source.readHeld({ kind: 'key', scope: 'order:1' }, 10)
    expect(rows).toEqual([
      { ...held(b), request: null },
      { ...held(c), request: null },
    ])
    expect((await source.readHeld({ kind: 'key', scope: 'order:1' }, 1)).length).toBe(1)
  })

  it('says when the last row of a scope has gone', async () => {
    const writer = await current().writer()
    for (let i = 0; i < 3; i++) await writer.insert({ key: '1' })
    const source = await opened(current())
    const [a, b, c] = await readOnce(source)
    if (!a || !b || !c) throw new Error('three events were expected')
    await source.settle({ done: [], held: [held(a), held(b), held(c, 'order:2')] })
    const scope = { kind: 'key', scope: 'order:1' } as const
    expect(await source.settleHeld(scope, { done: [a] })).toBe(false)
    // a row of another scope stays
    expect(await source.settleHeld(scope, { done: [c] })).toBe(false)
    expect(await source.settleHeld(scope, { done: [b] })).toBe(true)
    expect((await current().held()).map(({ position }) => position)).toEqual([c.position])
  })

  it('parks held rows under another scope, and takes their request away', async () => {
    const writer = await current().writer()
    for (let i = 0; i < 2; i++) await writer.insert({ key: '1' })
    const source = await opened(current())
    const [a, b] = await readOnce(source)
    if (!a || !b) throw new Error('two events were expected')
    const topic = { kind: 'topic', scope: 'dead' } as const
    await source.settle({ done: [], held: [held(a, 'dead', topic), held(b, 'dead', topic)] })
    await current().request('dead', 'retry')
    const parked = held(b, 'order:1', { code: 'OUTBOX_ROW_UNDECODABLE', reason: 'no', attempts: 9 })
    expect(await source.settleHeld(topic, { done: [a], parked: [parked] })).toBe(true)
    expect(await current().held()).toMatchObject([
      {
        position: b.position,
        scopeKind: 'key',
        scope: 'order:1',
        code: 'OUTBOX_ROW_UNDECODABLE',
        attempts: 9,
        request: null,
      },
    ])
  })

  it('parks held rows and keeps what was asked after they were read', async () => {
    const writer = await current().writer()
    for (let i = 0; i < 2; i++) await writer.insert({ key: '1' })
    const source = await opened(current())
    const [a, b] = await readOnce(source)
    if (!a || !b) throw new Error('two events were expected')
    const scope = { kind: 'key', scope: 'order:1' } as const
    await source.settle({ done: [], held: [held(a, 'order:1', scope), held(b, 'order:1', scope)] })
    await current().request('order:1', 'discard')
    const parked = [
      { ...held(a, 'order:1', scope), request: 'retry' },
      { ...held(b, 'order:1', scope), request: 'discard' },
    ] as const
    expect(await source.settleHeld(scope, { done: [], parked })).toBe(false)
    expect((await current().held()).map(({ request }) => request)).toEqual(['discard', null])
  })

  it('knows the scopes for which somebody has asked', async () => {
    const writer = await current().writer()
    for (let i = 0; i < 3; i++) await writer.insert({ key: '1' })
    const source = await opened(current())
    const [a, b, c] = await readOnce(source)
    if (!a || !b || !c) throw new Error('three events were expected')
    await source.settle({ done: [], held: [held(a, 'x'), held(b, 'y'), held(c, 'z')] })
    expect(await source.requestedScopes()).toEqual([])
    await current().request('x', 'retry')
    await current().request('z', 'discard')
    expect(await source.requestedScopes()).toEqual([
      { kind: 'key', scope: 'x' },
      { kind: 'key', scope: 'z' },
    ])
    const rows = await source.readHeld({ kind: 'key', scope: 'x' }, 1)
    expect(rows.map(({ request }) => request)).toEqual(['retry'])
  })
}

import {
  emitAmbient,
  Outbox,
  runInScope,
  TransactionScope,
  type OutboxEvent,
  type OutboxOptions,
} from '@outboxkit/core'
import { describe, expect, test } from 'vitest'
import { FakeTransaction } from './fake-transaction.js'

const event = (type: string): OutboxEvent => ({ aggregateType: 'order', aggregateId: 1, type, payload: {} })
const code = (wanted: string): unknown => expect.objectContaining({ code: wanted })

function open(options: OutboxOptions = {}): { trx: FakeTransaction; scope: TransactionScope } {
  const trx = new FakeTransaction()
  return { trx, scope: new TransactionScope(new Outbox(options), trx) }
}

describe('emit', () => {
  test('sends nothing until it is awaited', async () => {
    const { trx, scope } = open()
    const emitted = scope.emit(event('a'))
    await new Promise(setImmediate)
    expect(trx.log).toEqual([])
    const id = await emitted
    expect(id).toMatch(/^[0-9a-f-]{36}$/)
    expect(trx.log).toEqual(['insert a'])
    expect(await emitted).toBe(id)
    await emitted.finally(() => undefined)
    expect(trx.log).toEqual(['insert a'])
  })

  test('sends what was emitted before it along, in one INSERT', async () => {
    const { trx, scope } = open()
    const first = scope.emit(event('a'))
    void scope.emit([event('b'), event('c')])
    await scope.emit(event('d'))
    void scope.emit(event('e'))
    await first
    expect(trx.log).toEqual(['insert a b c d', 'insert e'])
  })

  test('never overlaps another INSERT of its own', async () => {
    const { trx, scope } = open()
    trx.healthy = true
    const first = scope.emit(event('a')).then(() => 'a')
    await Promise.resolve()
    const second = scope.emit(event('b')).then(() => 'b')
    void scope.emit(event('c'))
    await Promise.all([first, second, scope.beforeCommit()])
    expect(trx.log).toEqual(['insert a', 'insert b c'])
    expect(trx.overlapped).toBe(false)
  })

  test('150,000 in one call, after another', async () => {
    const { scope } = open()
    void scope.emit(event('first'))
    void scope.emit(Array.from({ length: 150_000 }, () => event('e')))
    await expect(scope.beforeCommit()).resolves.toBeUndefined()
  })

  test('of nothing sends nothing', async () => {
    const { trx, scope } = open()
    expect(await scope.emit([])).toEqual([])
    await scope.beforeCommit()
    expect(trx.log).toEqual([])
  })

  test('with other options goes into its own INSERT, in the order of the calls', async () => {
    const { trx, scope } = open()
    const other = new Outbox({ table: { name: 'other' } })
    void scope.emit(event('a'))
    void scope.emit(event('b'), other)
    void scope.emit(event('c'), other)
    void scope.emit(event('d'))
    await scope.beforeCommit()
    expect(trx.log).toEqual(['insert a', 'insert b c', 'insert d'])
  })

  test('that is refused fails the transaction, awaited or not', async () => {
    for (const swallow of [true, false]) {
      const { trx, scope } = open()
      const emitted = scope.emit(event(''))
      if (swallow) await emitted.catch(() => undefined)
      await expect(scope.beforeCommit()).rejects.toThrow(code('OUTBOX_EVENT_INVALID'))
      expect(trx.log).toEqual([])
    }
  })

  test('that the database refuses fails the transaction, and whatever comes after it', async () => {
    const { trx, scope } = open()
    trx.failing = 'a'
    await expect(scope.emit(event('a'))).rejects.toThrow('refused a')
    await expect(scope.emit(event('b'))).rejects.toThrow('refused a')
    await expect(scope.beforeCommit()).rejects.toThrow('refused a')
    expect(trx.log).toEqual(['insert a'])
  })

  test('after the end is a rejection that is heard, before any SQL', async () => {
    for (const end of ['committed', 'rolledBack'] as const) {
      const { trx, scope } = open()
      await scope.beforeCommit()
      await scope[end]()
      const emitted = scope.emit(event('a'))
      expect(emitted).toBeInstanceOf(Promise)
      await expect(emitted).rejects.toThrow(code('OUTBOX_TRANSACTION_ENDED'))
      expect(trx.log).toEqual([])
    }
  })

  test('when the executor knows of the end, too', async () => {
    const { trx, scope } = open()
    trx.ended = true
    const emitted = scope.emit(event('a'))
    expect(emitted).toBeInstanceOf(Promise)
    await expect(emitted).rejects.toThrow(code('OUTBOX_TRANSACTION_ENDED'))
  })
})

describe('beforeCommit', () => {
  test('sends what nobody has awaited', async () => {
    const { trx, scope } = open()
    void scope.emit(event('a'))
    void scope.emit(event('b'))
    await scope.beforeCommit()
    expect(trx.log).toEqual(['insert a b'])
    expect(scope.isOpen).toBe(false)
  })

  test('takes what is emitted while it sends; nothing is accepted and then lost', async () => {
    for (let ticks = 0; ticks < 40; ticks++) {
      const { trx, scope } = open()
      let outcome = 'accepted'
      const emitLater = async (): Promise<void> => {
        for (let tick = 0; tick < ticks; tick++) await Promise.resolve()
        // Taken is a lazy promise, refused a rejected one.
        const emitted = scope.emit(event('b'))
        if (emitted instanceof Promise) outcome = String(await emitted.catch(() => 'refused'))
      }
      let later: Promise<void> | undefined
      trx.executed = () => {
        later ??= emitLater()
      }
      void scope.emit(event('a'))
      const committed = await scope.beforeCommit().then(
        () => true,
        () => false,
      )
      await later
      const stored = committed && trx.log.join(' ').includes('b') ? 'accepted' : 'refused'
      expect({ ticks, stored }).toEqual({ ticks, stored: outcome })
    }
  })

  // Fails in an aborted transaction, and where no transaction has our rows.
  const askForId = 'select 1 / (case when txid_current_if_assigned() is null then 0 else 1 end)'

  test('asks whether the transaction is healthy, when that is not known', async () => {
    const cases: [boolean | undefined, string[]][] = [
      [undefined, ['insert a', askForId]],
      [false, ['insert a', askForId]],
      [true, ['insert a']],
    ]
    for (const [healthy, log] of cases) {
      const { trx, scope } = open()
      trx.healthy = healthy
      await scope.emit(event('a'))
      await scope.beforeCommit()
      expect(trx.log).toEqual(log)
    }
  })

  test('does not ask when its INSERT came last, nor when there is nothing to lose', async () => {
    const last = open()
    await last.scope.emit(event('a'))
    void last.scope.emit(event('b'))
    await last.scope.beforeCommit()
    expect(last.trx.log).toEqual(['insert a', 'insert b'])
    const nothing = open()
    await nothing.scope.beforeCommit()
    expect(nothing.trx.log).toEqual([])
  })

  test('asks for the sake of hooks, and after an emit of nothing', async () => {
    const hooks = open()
    hooks.scope.afterCommit(() => undefined)
    await hooks.scope.beforeCommit()
    expect(hooks.trx.log).toEqual(['select 1'])
    const nothing = open()
    await nothing.scope.emit(event('a'))
    void nothing.scope.emit([])
    await nothing.scope.beforeCommit()
    expect(nothing.trx.log).toEqual(['insert a', askForId])
  })

  test('rejects when the transaction is not healthy', async () => {
    const { trx, scope } = open()
    await scope.emit(event('a'))
    trx.failing = 'select 1'
    await expect(scope.beforeCommit()).rejects.toThrow('refused select 1')
  })
})

describe('afterCommit', () => {
  test('runs hooks in order, awaited, once, and reports failures', async () => {
    const errors: unknown[] = []
    const { scope } = open({ onAfterCommitError: (error) => errors.push(error) })
    const seen: number[] = []
    scope.afterCommit(async () => {
      await new Promise(setImmediate)
      seen.push(1)
    })
    scope.afterCommit(() => Promise.reject(new Error('2')))
    scope.afterCommit(() => seen.push(3))
    await scope.beforeCommit()
    await scope.committed()
    await scope.committed()
    expect(seen).toEqual([1, 3])
    expect(errors).toMatchObject([{ message: '2' }])
  })

  test('a failing hook is a process warning by default', async () => {
    const warnings: Error[] = []
    const listener = (warning: Error): void => void warnings.push(warning)
    process.on('warning', listener)
    const { scope } = open()
    scope.afterCommit(() => Promise.reject(new Error('of the hook')))
    await scope.committed()
    await new Promise(setImmediate)
    process.off('warning', listener)
    expect(warnings).toMatchObject([{ name: 'OutboxWarning', code: 'OUTBOX_AFTER_COMMIT' }])
    expect(warnings[0]?.message).toContain('of the hook')
  })

  test('drops hooks at a rollback', async () => {
    const { scope } = open()
    const seen: number[] = []
    scope.afterCommit(() => seen.push(1))
    scope.rolledBack()
    await scope.committed()
    expect(seen).toEqual([])
    expect(() => scope.afterCommit(() => 1)).toThrow(code('OUTBOX_TRANSACTION_ENDED'))
  })
})

describe('a nested scope', () => {
  test('hands its hooks to its parent when it is released, and drops them otherwise', async () => {
    const { trx, scope } = open()
    const seen: string[] = []
    scope.afterCommit(() => seen.push('outer'))
    const kept = new TransactionScope(scope.outbox, trx, scope)
    kept.afterCommit(() => seen.push('kept'))
    await kept.beforeCommit()
    await kept.committed()
    const dropped = new TransactionScope(scope.outbox, trx, scope)
    dropped.afterCommit(() => seen.push('dropped'))
    dropped.rolledBack()
    expect(seen).toEqual([])
    await scope.committed()
    expect(seen).toEqual(['outer', 'kept'])
  })

  test('keeps its parent from emitting as long as it is open', async () => {
    const { trx, scope } = open()
    const nested = new TransactionScope(scope.outbox, trx, scope)
    await expect(scope.emit(event('a'))).rejects.toThrow(code('OUTBOX_NESTED_OPEN'))
    await nested.beforeCommit()
    await nested.committed()
    await expect(scope.beforeCommit()).rejects.toThrow(code('OUTBOX_NESTED_OPEN'))
  })

  test('with something to lose keeps its parent from committing', async () => {
    const uses: ((nested: TransactionScope) => unknown)[] = [
      (nested) => void nested.emit(event('a')),
      (nested) => nested.emit(event('a')),
      (nested) => nested.afterCommit(() => 1),
    ]
    for (const use of uses) {
      const { trx, scope } = open()
      const middle = new TransactionScope(scope.outbox, trx, scope)
      await use(new TransactionScope(scope.outbox, trx, middle))
      await expect(scope.beforeCommit()).rejects.toThrow(code('OUTBOX_NESTED_OPEN'))
    }
    const unused = open()
    new TransactionScope(unused.scope.outbox, unused.trx, unused.scope)
    await expect(unused.scope.beforeCommit()).resolves.toBeUndefined()
  })

  test('begins after the pending emits of its parent, or not at all', async () => {
    const { trx, scope } = open()
    void scope.emit(event('a'))
    await scope.beforeNested()
    expect(trx.log).toEqual(['insert a'])
    void scope.emit(event(''))
    await expect(scope.beforeNested()).rejects.toThrow(code('OUTBOX_EVENT_INVALID'))
  })

  test('ends with its parent', async () => {
    const { trx, scope } = open()
    const nested = new TransactionScope(scope.outbox, trx, scope)
    scope.rolledBack()
    await expect(nested.emit(event('a'))).rejects.toThrow(code('OUTBOX_TRANSACTION_ENDED'))
    expect(trx.log).toEqual([])
  })
})

describe('runInScope', () => {
  test('flushes after the body, and notes a failure', async () => {
    const { trx, scope } = open()
    expect(await runInScope(scope, () => void scope.emit(event('a')) as unknown)).toBeUndefined()
    expect(trx.log).toEqual(['insert a'])
    const failing = open()
    const body = async (): Promise<never> => Promise.reject(new Error('body'))
    await expect(runInScope(failing.scope, body)).rejects.toThrow('body')
    expect(failing.scope.isOpen).toBe(false)
  })

  test('is where the ambient form finds its transaction', async () => {
    const { trx, scope } = open({ ambient: true })
    trx.healthy = true
    expect(() => emitAmbient(scope.outbox, event('a'))).toThrow(code('OUTBOX_NO_TRANSACTION'))
    await runInScope(scope, async () => {
      await new Promise(setImmediate)
      await emitAmbient(scope.outbox, event('b'))
    })
    expect(() => emitAmbient(scope.outbox, event('c'))).toThrow(code('OUTBOX_NO_TRANSACTION'))
    expect(trx.log).toEqual(['insert b'])
  })
})

test('lockKey locks each key once, sorted, before the INSERT; on MySQL it is refused', async () => {
  const { trx, scope } = open({ lockKey: true })
  const keyed = (aggregateId: string | null): OutboxEvent => ({ ...event('a'), aggregateId })
  await scope.emit([keyed('b'), keyed('a'), keyed('b'), keyed(null)])
  expect(trx.log).toEqual(['lock 5:order:a', 'lock 5:order:b', 'insert a a a a'])
  const mysql = open({ lockKey: true })
  mysql.trx.dialect = 'mysql'
  await expect(mysql.scope.emit(event('a'))).rejects.toThrow(code('OUTBOX_OPTION_INVALID'))
})

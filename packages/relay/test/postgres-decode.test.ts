import { expect, it } from 'vitest'
import { toEvent, toFullId, toHeldRow, toHolders, toPosition, toSnapshot } from '../src/postgres/decode.js'

it.each([
  ['0', 0],
  ['42', 42],
  ['9007199254740991', Number.MAX_SAFE_INTEGER],
])('reads position %s', (text, position) => {
  expect(toPosition(text)).toBe(position)
})

it('refuses a position that a number cannot hold', () => {
  expect(() => toPosition('9007199254740992')).toThrow(
    expect.objectContaining({ code: 'OUTBOX_SOURCE_UNSUPPORTED' }),
  )
})

const columns = [
  'id',
  'order',
  '7',
  'order.placed',
  '7b7d',
  '{"h":"v"}',
  'topic',
  '2026-01-02T03:04:05.000006Z',
]

it('reads a row, with the payload as text or as bytes', () => {
  const row = ['5', '123', ...columns]
  const event = {
    position: 5,
    id: 'id',
    aggregateType: 'order',
    aggregateId: '7',
    type: 'order.placed',
    payload: '7b7d',
    headers: '{"h":"v"}',
    topic: 'topic',
    createdAt: '2026-01-02T03:04:05.000006Z',
  }
  expect(toEvent(row, false)).toEqual(event)
  expect(toEvent(row, true)).toEqual({ ...event, payload: Buffer.from('{}') })
  const empty = ['5', '123', 'id', 'order', null, 'order.placed', null, null, null, '']
  expect(toEvent(empty, true)).toMatchObject({ aggregateId: null, payload: null, headers: null, topic: null })
})

it.each([
  ['retry', 'retry'],
  ['discard', 'discard'],
  ['DROP', null],
  [null, null],
])('reads the request %s of a held row as %s', (written, request) => {
  const row = ['5', '123', ...columns, 'CODE', 'why', '3', written]
  const held = toHeldRow(row, { kind: 'key', scope: 's' }, false)
  expect(held).toMatchObject({ kind: 'key', scope: 's', code: 'CODE', reason: 'why', attempts: 3, request })
})

it('says of a snapshot what runs in it', () => {
  const snapshot = toSnapshot('10:20:12,15')
  expect([9, 12, 13, 15, 19, 20, 99].map((id) => snapshot.isRunning(id))).toEqual([
    false,
    true,
    false,
    true,
    false,
    true,
    true,
  ])
  expect(toSnapshot('10:10:').isRunning(9)).toBe(false)
  expect(toSnapshot('10:10:').isRunning(10)).toBe(true)
})

const wrap = 2 ** 32

it.each([
  ['in the first epoch', 700, 750, 700],
  ['given out after the snapshot', 760, 750, 760],
  ['in the fourth epoch', 5, 3 * wrap + 9, 3 * wrap + 5],
  ['from before the wrap', wrap - 2, 3 * wrap + 9, 3 * wrap - 2],
  ['from after the wrap', 3, 3 * wrap - 9, 3 * wrap + 3],
])('completes an id %s', (_, low, next, id) => {
  expect(toFullId(low, next)).toBe(id)
})

it('names holders by their oldest transaction id', () => {
  const holders = toHolders([
    ['3/7', null],
    ['3/7', '105'],
    [null, '110'],
    // a subtransaction's id, listed after its transaction's
    ['3/7', '103'],
    ['3/7', '106'],
    // runs, and holds nothing of ours
    ['4/1', '101'],
    // has no id yet
    ['5/2', null],
    // prepared, its session gone
    ['-1/104', null],
  ])
  expect(holders).toEqual({
    ids: [103, 104],
    nameless: ['5/2'],
    idOf: new Map([
      ['3/7', 103],
      ['4/1', 101],
    ]),
    prepared: [104],
  })
})

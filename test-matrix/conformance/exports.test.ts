import * as core from '@outboxkit/core'
import * as drizzle from '@outboxkit/drizzle'
import * as knex from '@outboxkit/knex'
import * as prisma from '@outboxkit/prisma'
import { expect, it } from 'vitest'

/** What every application may need besides the adapter itself. */
const shared = [
  'createTablesSql',
  'defineEvents',
  'dropTablesSql',
  'errorCodes',
  'isOutboxError',
  'OutboxError',
  'parseMessage',
  'typed',
  'uuidv7',
  'withEventContext',
] as const

it.each(Object.entries({ prisma, drizzle, knex }))(
  '%s exports what an application needs of core',
  (_, adapter) => {
    for (const name of shared) expect(adapter[name]).toBe((core as Record<string, unknown>)[name])
    expect(adapter.withOutbox).toBeTypeOf('function')
    expect(adapter.createEmit).toBeTypeOf('function')
  },
)

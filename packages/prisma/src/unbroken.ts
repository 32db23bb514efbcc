import { OutboxError } from '@outboxkit/core'
import type { PrismaHandle } from './handle.js'

/** The last question on each transaction: Prisma refuses a second nested transaction at the same time. */
const asked = new WeakMap<object, Promise<unknown>>()

/**
 * True when the server is in a transaction; rejects when it is not. On MySQL and MariaDB neither Prisma nor the
 * driver tells: a deadlock rolls the whole transaction back, DDL and statements of the application may end it, and
 * what follows is committed on its own.
 *
 * A nested transaction of nothing tells: outside of a transaction the server makes no savepoint, without a word, and
 * its release fails. Core's own question is a savepoint as well, but from Prisma 7.5 on raw SQL goes as prepared
 * statements, which MySQL refuses for savepoints; older Prisma has no nested transactions and leaves it to core.
 */
export function assertUnbroken(tx: PrismaHandle): Promise<true> | undefined {
  if (typeof tx.$transaction !== 'function') return undefined
  const before = asked.get(tx) ?? Promise.resolve()
  const answer = before.then(async () => {
    await tx.$transaction?.(() => Promise.resolve())
    return true as const
  })
  asked.set(
    tx,
    answer.catch(() => undefined),
  )
  return answer
}

/** Core's own question, where it cannot be asked. */
export function explainPrepared(error: unknown): never {
  if (/Code: `1295`/.test(String((error as Error | undefined)?.message)))
    throw new OutboxError(
      'OUTBOX_HANDLE_UNSUPPORTED',
      'This Prisma client sends raw SQL to MySQL as prepared statements and has no nested transactions, so nothing tells whether its transaction is still there. Use Prisma 7.5 or newer, or Prisma 6 with @prisma/adapter-mariadb and engineType = "client".',
      { cause: error },
    )
  throw error
}

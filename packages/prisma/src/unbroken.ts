import { OutboxError } from '@outboxkit/core'
import type { PrismaHandle } from './handle.js'

/**
 * Tells whether the server is in the transaction still. On MySQL and MariaDB neither Prisma nor the driver does: a
 * deadlock rolls the whole transaction back, DDL and statements of the application may end it, and what follows is
 * committed on its own.
 *
 * Savepoints tell, which every end of a transaction takes away:
 *
 *     before an INSERT:  one that is released at once; outside of a transaction the release fails
 *     before COMMIT:     the release of the guard, which the first INSERT has set
 *
 * Never ROLLBACK TO: it would undo what other branches of the application have sent in between.
 *
 * Core does the same by SQL, but from Prisma 7.5 on raw SQL goes as prepared statements, which MySQL refuses for
 * savepoints. There they are nested transactions, and while the guard is open, Prisma takes further ones through its
 * handle only: see `handle`. And core does not see that calls of the function form have their transaction in common.
 */
class Proof {
  readonly #tx: PrismaHandle
  #guard: { readonly handle: PrismaHandle; readonly end: (error?: Error) => Promise<void> } | undefined
  /** Questions go one by one: Prisma refuses a second nested transaction at the same time. */
  #tail: Promise<unknown> = Promise.resolve()
  /** That the transaction is gone. Prisma itself knows then, and its next answer would be another one (P2028). */
  #gone: { readonly error: unknown } | undefined

  constructor(tx: PrismaHandle) {
    this.#tx = tx
  }

  get handle(): PrismaHandle {
    return this.#guard?.handle ?? this.#tx
  }

  beforeInsert(isGuarded: boolean): Promise<true> {
    return this.#next(async () => {
      if (isGuarded && this.#guard === undefined) await this.#openGuard()
      await nest(this.handle, 'outboxkit_probe', () => Promise.resolve())
    })
  }

  beforeCommit(): Promise<true> {
    return this.#next(() =>
      this.#guard === undefined
        ? nest(this.#tx, 'outboxkit_probe', () => Promise.resolve())
        : this.#endGuard(),
    )
  }

  /** Before a rollback, which Prisma counts by the nested transactions that are open. */
  async abandon(): Promise<void> {
    await this.#next(() => this.#endGuard(new Error('rolled back'))).catch(() => undefined)
  }

  #next(work: () => Promise<unknown>): Promise<true> {
    const answer = this.#tail.then(async () => {
      if (this.#gone !== undefined) throw this.#gone.error
      await work()
      return true as const
    })
    this.#tail = answer.catch((error: unknown) => {
      if (isGone(error)) this.#gone ??= { error }
    })
    return answer
  }

  #openGuard(): Promise<void> {
    return new Promise((onOpen, onFailure) => {
      let settle!: (error?: Error) => void
      const held = new Promise<void>((resolve, reject) => {
        settle = (error) => (error === undefined ? resolve() : reject(error))
      })
      const ended = nest(this.#tx, 'outboxkit_guard', (handle) => {
        this.#guard = {
          handle,
          async end(error) {
            settle(error)
            await ended
          },
        }
        onOpen()
        return held
      })
      ended.catch(onFailure)
    })
  }

  async #endGuard(error?: Error): Promise<void> {
    const guard = this.#guard
    this.#guard = undefined
    await guard?.end(error)
  }
}

const proofs = new WeakMap<PrismaHandle, Proof>()

export function proofOf(tx: PrismaHandle): Proof {
  const proof = proofs.get(tx) ?? new Proof(tx)
  proofs.set(tx, proof)
  return proof
}

function isGone(error: unknown): boolean {
  const { message, cause } = error as { message?: unknown; cause?: { originalCode?: unknown } }
  return cause?.originalCode === '1305' || /Code: `1305`|savepoint \S+ does not exist/i.test(String(message))
}

/** A savepoint around `body`. */
async function nest(
  tx: PrismaHandle,
  name: string,
  body: (handle: PrismaHandle) => Promise<void>,
): Promise<void> {
  if (typeof tx.$transaction === 'function') {
    await tx.$transaction(body)
    return
  }
  try {
    await tx.$executeRawUnsafe(`savepoint ${name}`)
  } catch (error) {
    throw explainedPrepared(error)
  }
  await body(tx)
  await tx.$executeRawUnsafe(`release savepoint ${name}`)
}

function explainedPrepared(error: unknown): unknown {
  if (!/Code: `1295`/.test(String((error as Error | undefined)?.message))) return error
  return new OutboxError(
    'OUTBOX_HANDLE_UNSUPPORTED',
    'This Prisma client sends raw SQL to MySQL as prepared statements and has no nested transactions, so nothing tells whether its transaction is still there. Use Prisma 7.5 or newer, or Prisma 6 with @prisma/adapter-mariadb and engineType = "client".',
    { cause: error },
  )
}

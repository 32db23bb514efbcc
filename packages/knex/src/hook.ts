import { TransactionScope, type Outbox } from '@outboxkit/core'
import type { KnexClient } from './client.js'
import { executorOf, type Opened } from './executor.js'
import { equipTransaction } from './handle.js'
import { followLife } from './life.js'

const hooked = Symbol.for('outboxkit.knex')

/** True when `client.transaction` is already ours. */
export function isHooked(client: KnexClient): boolean {
  return hooked in client.transaction
}

/**
 * Wraps `client.transaction`, the one place that every form goes through: callback, promise, transactionProvider,
 * savepoint, nested, and Objection's. An ordinary property, so that `withUserParams` copies it.
 */
export function hookClient(client: KnexClient, outbox: Outbox, parent?: TransactionScope): void {
  const original = client.transaction
  const transaction: KnexClient['transaction'] = function (this: KnexClient, container, config, outerTx) {
    const opened: Opened = {}
    // Made before SAVEPOINT is sent: from now on an emit on the outer transaction might be undone with it.
    const scope = new TransactionScope(outbox, executorOf(client, opened, parent?.executor), parent)
    try {
      const unit = original.call(
        this,
        (trx) => {
          opened.trx = trx
          equipTransaction(trx, scope)
          hookClient(trx.client, outbox, scope)
          return outbox.ambient === undefined
            ? container(trx)
            : outbox.ambient.run(scope, () => container(trx))
        },
        config,
        outerTx,
      )
      followLife(unit, scope, opened)
      return unit
    } catch (error) {
      scope.rolledBack()
      throw error
    }
  }
  client.transaction = Object.assign(transaction, { [hooked]: true })
}

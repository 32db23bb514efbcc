import type { TransactionScope } from './transaction.js'

const mark = Symbol.for('outboxkit.transaction')

/** The scope that a wrapped transaction handle belongs to, whichever copy of Outboxkit has wrapped it. */
export function scopeOfHandle(handle: unknown): TransactionScope | undefined {
  if ((typeof handle !== 'object' && typeof handle !== 'function') || handle === null) return undefined
  return (handle as { [mark]?: TransactionScope })[mark]
}

/** Marks a transaction handle as belonging to `scope`. */
export function markHandle(handle: object, scope: TransactionScope): void {
  Object.defineProperty(handle, mark, { value: scope, configurable: true, enumerable: false, writable: true })
}

import type { OutboxEvent } from './event.js'
import type { SqlExecutor } from './executor.js'
import { rejectMore, type Outbox } from './outbox.js'
import { scopeOfHandle } from './transaction-handle.js'

/**
 * The function form of an adapter, `emit(handle, event | events)`. A handle that belongs to a wrapped transaction
 * goes through its scope; for any other, whose end nobody sees, the INSERT starts at once. `executorOf` throws for
 * what is no live transaction; the call rejects with that.
 */
export function emitFunction<Handle>(
  outbox: Outbox,
  executorOf: (handle: Handle) => SqlExecutor,
): (
  handle: Handle,
  input: OutboxEvent | readonly OutboxEvent[],
  more?: unknown,
) => Promise<string | string[]> {
  // Not async: the promise of a scope is lazy, and has to stay so.
  return (handle, input, more) => {
    const scope = scopeOfHandle(handle)
    if (scope !== undefined) return scope.emit(input, outbox, more)
    try {
      rejectMore(more)
      return outbox.emitNow(executorOf(handle), input)
    } catch (error) {
      return Promise.reject(error as Error)
    }
  }
}

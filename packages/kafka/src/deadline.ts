import { setMaxListeners } from 'node:events'

export type Bounded<T> =
  | { readonly status: 'done'; readonly value: T }
  | { readonly status: 'failed'; readonly error: unknown }
  | { readonly status: 'timeout' }
  | { readonly status: 'aborted' }

/**
 * Waits for `start` until it settles, `ms` milliseconds have passed (timers are monotonic: a clock that jumps
 * does not matter) or `signal` is aborted. Never rejects. The signal that `start` gets is aborted at the end of
 * the wait; what it does later is ignored.
 */
export async function bounded<T>(
  ms: number,
  signal: AbortSignal,
  start: (signal: AbortSignal) => Promise<T>,
): Promise<Bounded<T>> {
  if (signal.aborted) return { status: 'aborted' }
  const controller = new AbortController()
  let timer: NodeJS.Timeout | undefined
  let onAbort = (): void => {}
  const end = new Promise<Bounded<T>>((resolve) => {
    timer = setTimeout(() => resolve({ status: 'timeout' }), ms)
    onAbort = () => resolve({ status: 'aborted' })
    signal.addEventListener('abort', onAbort, { once: true })
  })
  const work = settle(start, controller.signal)
  try {
    return await Promise.race([work, end])
  } finally {
    clearTimeout(timer)
    signal.removeEventListener('abort', onAbort)
    controller.abort()
  }
}

async function settle<T>(
  start: (signal: AbortSignal) => Promise<T>,
  signal: AbortSignal,
): Promise<Bounded<T>> {
  try {
    return { status: 'done', value: await start(signal) }
  } catch (error) {
    return { status: 'failed', error }
  }
}

export interface FannedSignal {
  readonly signal: AbortSignal
  /** Takes the listeners off the original signals. */
  release(): void
}

/**
 * A signal that follows all of `signals` and may have any number of listeners: Node warns about more than ten,
 * and one call waits for many partitions.
 */
export function fanOut(...signals: readonly AbortSignal[]): FannedSignal {
  const controller = new AbortController()
  setMaxListeners(0, controller.signal)
  const follow = (): void => controller.abort()
  for (const signal of signals) {
    if (signal.aborted) follow()
    else signal.addEventListener('abort', follow, { once: true })
  }
  return {
    signal: controller.signal,
    release() {
      for (const signal of signals) signal.removeEventListener('abort', follow)
    },
  }
}

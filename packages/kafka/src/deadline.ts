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
  /** Stops following. */
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
  const followed = signals.map(followers)
  for (const [index, signal] of signals.entries()) {
    if (signal.aborted) follow()
    else followed[index]?.add(follow)
  }
  return {
    signal: controller.signal,
    release() {
      for (const each of followed) each.delete(follow)
    },
  }
}

const registry = new WeakMap<AbortSignal, Set<() => void>>()

/** Whom to tell when `signal` is aborted: one listener per signal, however many calls share it. */
function followers(signal: AbortSignal): Set<() => void> {
  const known = registry.get(signal)
  if (known !== undefined) return known
  const set = new Set<() => void>()
  registry.set(signal, set)
  signal.addEventListener(
    'abort',
    () => {
      for (const follow of set) follow()
    },
    { once: true },
  )
  return set
}

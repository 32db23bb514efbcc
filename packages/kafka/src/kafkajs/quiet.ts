interface RequestQueue {
  readonly prototype: {
    scheduleCheckPendingRequests: (this: { readonly pending: readonly unknown[] }) => void
  }
}

let done = false

/**
 * After every answer kafkajs 2.2.4 schedules a look at its queue of waiting requests, also when none waits: then
 * with a negative delay, about which Node 24 and newer print a TimeoutNegativeWarning. This leaves out exactly
 * the looks at an empty queue, which would do nothing; `push` schedules one whenever it adds a request.
 *
 * Cosmetic: where kafkajs looks different inside (another version, a bundle) nothing is changed.
 */
export async function avoidNegativeTimeouts(): Promise<void> {
  if (done) return
  done = true
  try {
    // @ts-expect-error: an inner module of kafkajs, without types
    const module = (await import('kafkajs/src/network/requestQueue/index.js')) as { default?: RequestQueue }
    const prototype = module.default?.prototype
    const schedule = prototype?.scheduleCheckPendingRequests
    if (prototype === undefined || typeof schedule !== 'function') return
    prototype.scheduleCheckPendingRequests = function () {
      if (this.pending.length > 0) schedule.call(this)
    }
  } catch {
    // Without it there is one more line on stderr.
  }
}

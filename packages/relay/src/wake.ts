// setTimeout treats anything longer as 1 ms.
const longestTimerMs = 2 ** 31 - 1

/**
 * A wait that can be cut short. A notification that comes while nobody waits is kept: the next wait returns
 * at once. So "look for work, then wait" cannot miss work that arrived in between. For one waiter.
 */
export class Wake {
  #notified = false
  #resume: (() => void) | undefined

  notify(): void {
    this.#notified = true
    this.#resume?.()
  }

  /** Resolves after `ms`, or as soon as {@link notify} has been called since the last wait ended. */
  async wait(ms: number): Promise<void> {
    if (!this.#notified) {
      await new Promise<void>((resolve) => {
        const done = (): void => {
          this.#resume = undefined
          clearTimeout(timer)
          resolve()
        }
        const timer = setTimeout(done, Math.max(0, Math.min(ms, longestTimerMs)))
        this.#resume = done
      })
    } else {
      // Timers, sockets and signals get their turn even when notifications never cease.
      await new Promise<void>((resolve) => setImmediate(resolve))
    }
    this.#notified = false
  }
}

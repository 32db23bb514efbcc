import { bounded } from '../deadline.js'
import type { BatchProducer } from './producer.js'

/** How long a producer may take to say goodbye, in milliseconds. */
const goodbyeMs = 1_000

export interface ProducerHandle {
  readonly producer: BatchProducer
  inFlight: number
  retired: boolean
}

/** The producer of a driver. A retired one gets nothing new and ends when its last call has an outcome. */
export class Producers {
  readonly #open: () => BatchProducer
  readonly #closing = new Set<Promise<unknown>>()
  #current: ProducerHandle | undefined

  constructor(open: () => BatchProducer) {
    this.#open = open
  }

  /** Every `acquire` is followed by one {@link release}. */
  acquire(): ProducerHandle {
    const handle = (this.#current ??= { producer: this.#open(), inFlight: 0, retired: false })
    handle.inFlight += 1
    return handle
  }

  release(handle: ProducerHandle): void {
    handle.inFlight -= 1
    if (handle.retired && handle.inFlight === 0) this.#end(handle)
  }

  retire(handle: ProducerHandle): void {
    if (handle.retired) return
    handle.retired = true
    if (this.#current === handle) this.#current = undefined
    if (handle.inFlight === 0) this.#end(handle)
  }

  retireCurrent(): void {
    if (this.#current !== undefined) this.retire(this.#current)
  }

  /** Resolves when every retired producer without calls has ended, or could have: within about a second. */
  async ended(): Promise<void> {
    await Promise.all(this.#closing)
  }

  #end({ producer }: ProducerHandle): void {
    const goodbye = bounded(goodbyeMs, new AbortController().signal, () => producer.destroy())
    this.#closing.add(goodbye)
    void goodbye.finally(() => this.#closing.delete(goodbye))
  }
}

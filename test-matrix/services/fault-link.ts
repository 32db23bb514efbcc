import type { Socket } from 'node:net'

export type Direction = 'up' | 'down'
/** `hold` keeps the bytes for later, `drop` lets them vanish; both leave the connection open. */
export type Mode = 'pass' | 'hold' | 'drop'

/** What a filter lets happen to one piece of the stream. */
export type Verdict = 'pass' | 'drop' | 'cut' | { readonly delayMs: number }

interface Item {
  /** Without bytes: the sender has ended its half. */
  readonly bytes?: Buffer
  readonly notBefore: number
}

const QUEUE_LIMIT = 1_048_576

/** One direction of one connection: a queue, so that whatever is held or delayed keeps its order. */
export class Lane {
  readonly #from: Socket
  readonly #to: Socket
  readonly #mode: () => Mode
  readonly #delayMs: () => number
  readonly #queue: Item[] = []
  #queued = 0
  #blocked = false
  #timer: NodeJS.Timeout | undefined

  constructor(from: Socket, to: Socket, mode: () => Mode, delayMs: () => number) {
    this.#from = from
    this.#to = to
    this.#mode = mode
    this.#delayMs = delayMs
    to.on('drain', () => {
      this.#blocked = false
      this.pump()
    })
    to.on('close', () => clearTimeout(this.#timer))
  }

  push(bytes: Buffer, extraDelayMs = 0): void {
    if (this.#mode() === 'drop') return
    this.#queue.push({ bytes, notBefore: Date.now() + this.#delayMs() + extraDelayMs })
    this.#queued += bytes.length
    this.pump()
    // As on a real network, a sender whose bytes go nowhere is stopped after a while.
    if (this.#queued > QUEUE_LIMIT) this.#from.pause()
  }

  /** The end travels in line with the bytes, or vanishes with them. */
  end(): void {
    if (this.#mode() === 'drop') return
    this.#queue.push({ notBefore: 0 })
    this.pump()
  }

  /** Sends what may be sent now; called again when the mode changes. */
  pump(): void {
    clearTimeout(this.#timer)
    for (let item = this.#queue[0]; item && !this.#blocked; item = this.#queue[0]) {
      const mode = this.#mode()
      if (mode === 'hold') return
      const waitMs = item.notBefore - Date.now()
      if (mode === 'pass' && waitMs > 0) {
        this.#timer = setTimeout(() => this.pump(), waitMs)
        return
      }
      this.#queue.shift()
      this.#queued -= item.bytes?.length ?? 0
      if (mode === 'pass') this.#send(item)
    }
    if (this.#queued < QUEUE_LIMIT) this.#from.resume()
  }

  #send({ bytes }: Item): void {
    if (!this.#to.writable) return
    if (bytes) this.#blocked = !this.#to.write(bytes)
    else this.#to.end()
  }
}

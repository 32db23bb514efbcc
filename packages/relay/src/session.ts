import { untraced, type OutboxError } from '@outboxkit/core'

/** What a database driver has to offer for a {@link Session}. */
export interface SessionDriver<Link> {
  /** Connects. `onError` is to be called when the link breaks while nothing runs on it. */
  open(onError: (error?: Error) => void): Promise<Link>
  /** Ends a link, also in the middle of a statement. */
  end(link: Link): void
  /** True for an error after which the link goes on. */
  isReported(error: unknown): boolean
  failure(what: string, error: unknown): OutboxError
}

/** Uses the open link; what `run` throws becomes an `OutboxError`. */
export type Use<Link> = <R>(run: (link: Link) => Promise<R>) => Promise<R>

/**
 * One link to a database, opened at first use and again after it broke, for one user at a time. Instrumentations of
 * the driver see nothing of it: a relay that has nothing to do asks several times a second.
 */
export class Session<Link> {
  readonly #driver: SessionDriver<Link>
  #link: Promise<Link> | undefined
  #tail: Promise<unknown> = Promise.resolve()
  /** Counts the calls of close(): what waited in line when it was called must not open a new link. */
  #closed = 0
  /** Fails what is running: drivers may leave a statement without an answer when its link is lost or ended. */
  #lose: ((error: Error) => void) | undefined

  constructor(driver: SessionDriver<Link>) {
    this.#driver = driver
  }

  /**
   * Runs `body` after what came before, with nothing of others in between, and all of it on one link: for
   * transactions, the rest of which must not run by itself on another link.
   */
  exclusive<T>(body: (use: Use<Link>) => Promise<T>): Promise<T> {
    const closed = this.#closed
    let link: Promise<Link> | undefined
    const result = this.#tail.then(() =>
      body((run) => {
        if (closed !== this.#closed) throw this.#notSent('the connection was closed')
        if (link !== undefined && link !== this.#link)
          throw this.#notSent('the connection was lost after the statement before it')
        link = this.#link ??= this.#open()
        return this.#use(link, run)
      }),
    )
    this.#tail = result.catch(() => undefined)
    return result
  }

  /** Ends the link; what is running fails. A later use opens a new one. */
  async close(): Promise<void> {
    const link = this.#link
    this.#link = undefined
    this.#closed += 1
    this.#lose?.(new Error('the connection was closed'))
    const opened = await link?.catch(() => undefined)
    if (opened !== undefined) this.#driver.end(opened)
  }

  #notSent(why: string): OutboxError {
    return this.#driver.failure('A statement was not sent', new Error(why))
  }

  async #use<R>(opening: Promise<Link>, run: (link: Link) => Promise<R>): Promise<R> {
    let link: Link
    try {
      link = await opening
    } catch (error) {
      this.#forget(opening)
      throw this.#driver.failure('Cannot connect', error)
    }
    try {
      return await this.#unlessLost(untraced(() => run(link)))
    } catch (error) {
      // Only an error that the server has reported leaves the link usable.
      if (!this.#driver.isReported(error)) {
        this.#forget(opening)
        this.#driver.end(link)
      }
      throw this.#driver.failure('A statement failed', error)
    }
  }

  #open(): Promise<Link> {
    const onError = (error?: Error): void => {
      if (this.#link === opening) this.#lose?.(error ?? new Error('the connection was lost'))
      this.#forget(opening)
    }
    const opening = untraced(() => this.#driver.open(onError))
    return opening
  }

  #unlessLost<R>(running: Promise<R>): Promise<R> {
    return new Promise((resolve, reject) => {
      this.#lose = reject
      running.then(resolve, reject).finally(() => {
        if (this.#lose === reject) this.#lose = undefined
      })
    })
  }

  #forget(opening: Promise<Link>): void {
    if (this.#link === opening) this.#link = undefined
  }
}

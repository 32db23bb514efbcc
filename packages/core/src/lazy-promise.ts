/**
 * A promise whose work starts when somebody asks for its result (`await`, `then`, `catch`, `finally`).
 * Used for `emit()`: the INSERT must not overlap the caller's next query on the same connection.
 */
export class LazyPromise<T> implements Promise<T> {
  readonly [Symbol.toStringTag] = 'Promise'
  readonly #start: () => Promise<T>

  constructor(start: () => Promise<T>) {
    this.#start = start
  }

  // oxlint-disable-next-line unicorn/no-thenable -- being a thenable is the point
  then<A = T, B = never>(
    onFulfilled?: ((value: T) => A | PromiseLike<A>) | null,
    onRejected?: ((reason: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    return this.#start().then(onFulfilled, onRejected)
  }

  catch<B = never>(onRejected?: ((reason: unknown) => B | PromiseLike<B>) | null): Promise<T | B> {
    return this.#start().catch(onRejected)
  }

  finally(onFinally?: (() => void) | null): Promise<T> {
    return this.#start().finally(onFinally)
  }
}

import type { OutboxError } from '@outboxkit/core'
import type { OwnerError } from './source.js'

const maxLength = 1_000

/** What a relay has to say about itself, until somebody takes it along to the database. */
export class LastError {
  readonly #now: () => number
  #noted: { readonly text: string; readonly at: number } | undefined

  constructor(now: () => number) {
    this.#now = now
  }

  note({ code, message }: OutboxError): void {
    this.#noted = { text: storable(`${code}: ${message}`), at: this.#now() }
  }

  /** Once: what cannot be stored is not worth a second try, for the next error is told anew. */
  take(): OwnerError | undefined {
    const noted = this.#noted
    this.#noted = undefined
    return noted && { text: noted.text, ageMs: Math.max(0, this.#now() - noted.at) }
  }
}

/** Without what no database takes: NUL, and half of a surrogate pair. */
export function storable(text: string): string {
  return text
    .slice(0, maxLength)
    .replaceAll('\u0000', '')
    .replaceAll(/\p{Surrogate}/gu, '\ufffd')
}

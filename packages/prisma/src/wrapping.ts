import type { Dialect, Outbox } from '@outboxkit/core'
import type { PrismaHandle } from './handle.js'

/** What a wrapped client knows; `emitOperation` finds it, whichever copy of this package has wrapped it. */
export interface Wrapping {
  readonly outbox: Outbox
  readonly dialect: Dialect
  readonly client: PrismaHandle
}

/** On wrapped clients, and on the operations of `emitOperation`. */
export const mark = Symbol.for('outboxkit.prisma')

export function wrappingOf(db: object): Wrapping | undefined {
  return (db as { [mark]?: Wrapping })[mark]
}

/** Own properties that nobody enumerates: clients are logged and spread. */
export function own(target: object, properties: Readonly<Record<string | symbol, unknown>>): void {
  for (const name of Reflect.ownKeys(properties))
    Object.defineProperty(target, name, {
      value: properties[name as string],
      configurable: true,
      enumerable: false,
      writable: true,
    })
}

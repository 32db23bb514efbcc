import type { Dialect, OutboxTable } from '@outboxkit/core'
import type { Source } from './source.js'

/** How a source reaches its database: for operations that look at the same table. Holds secrets. */
export interface SourceOrigin {
  readonly dialect: Dialect
  readonly table: OutboxTable
  readonly url?: string | undefined
  /** What the driver's own constructor takes; a pool's configuration is copied. */
  readonly config?: Readonly<Record<string, unknown>> | undefined
}

// A configuration file may load another copy of this package than the program that reads it.
const mark = Symbol.for('outboxkit.source-origin')

/** Behind a function: whoever prints a source, hidden properties included, does not print its password. */
export function withOrigin<S extends Source>(source: S, origin: SourceOrigin): S {
  return Object.defineProperty(source, mark, { value: () => origin })
}

/** Where a source of `postgresSource()` or `mysqlSource()` reads; `undefined` for any other source. */
export function sourceOrigin(source: Source): SourceOrigin | undefined {
  return (source as { [mark]?: () => SourceOrigin })[mark]?.()
}

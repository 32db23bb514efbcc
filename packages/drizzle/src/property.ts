import type { OptionalPart, PayloadType, SchemaOptions, TableKind } from '@outboxkit/core'

/** What {@link SchemaOptions} are to definitions of tables: the literals of two options make the types. */
export type Definitions<Part extends OptionalPart, Payload extends PayloadType> = Omit<
  SchemaOptions,
  'with' | 'only' | 'payload'
> & {
  readonly with?: readonly Part[]
  readonly payload?: Payload
}

/** `outbox`, `outboxLease`: what a table is called among the definitions, whatever its name in the database. */
export const exportName = (kind: TableKind): string =>
  kind === 'outbox' ? kind : `outbox${kind.charAt(0).toUpperCase()}${kind.slice(1)}`

/** The property of a table object that stands for a column: as events call it. */
export function propertyOf(column: string): string {
  if (column === 'aggregatetype') return 'aggregateType'
  if (column === 'aggregateid') return 'aggregateId'
  return column.replaceAll(/_(.)/g, (_, letter: string) => letter.toUpperCase())
}

/** A default as Drizzle's columns take it. Numbers and text as such: drizzle-kit would find SQL to differ at every push. */
export function defaultOf(text: string): number | string | undefined {
  if (/^\d+$/.test(text)) return Number(text)
  return /^'([^']*)'$/.exec(text)?.[1]
}

import {
  resolveSchema,
  type Dialect,
  type OptionalPart,
  type OutboxSchema,
  type SchemaOptions,
} from '@outboxkit/core'

// Every generated migration says in a comment which schema stands after it. The next run reads it from there: the tables
// cannot be read out of a migration in four languages.
const pattern = /outboxkit schema: (\{.*?\})(?=\s*(?:\*\/)?\s*$)/gm

/** One line for a comment of a migration: the schema after it. */
export function markOf(schema: OutboxSchema): string {
  // Nothing may end the line that it stands on, in any of the languages.
  const json = JSON.stringify(optionsOf(schema)).replaceAll(
    /[^ -~]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
  return `outboxkit schema: ${json}`
}

/** The options that {@link resolveSchema} makes this schema of. */
export function optionsOf({ table, parts, idType, partitioned }: OutboxSchema): SchemaOptions {
  const optional = parts.filter((part): part is OptionalPart => part !== 'base')
  const isInboxOnly = !parts.includes('base')
  return {
    name: table.name,
    ...(table.schema === undefined ? {} : { schema: table.schema }),
    ...(table.payload === 'json' ? {} : { payload: table.payload }),
    ...(table.uniqueId ? { uniqueId: true } : {}),
    ...(isInboxOnly ? { only: 'inbox' as const } : {}),
    ...(isInboxOnly || optional.length === 0 ? {} : { with: optional }),
    ...(idType === 'uuid' ? {} : { idType }),
    ...(partitioned.length > 0 || parts.includes('archive') ? { partitioned } : {}),
  }
}

/** The schemas of all outboxes that the texts leave behind, in the order of the texts: later ones win. */
export function schemasInTexts(dialect: Dialect, texts: readonly string[]): readonly OutboxSchema[] {
  const schemas = new Map<string, OutboxSchema>()
  for (const text of texts)
    for (const [, json = ''] of text.matchAll(pattern)) {
      const schema = resolveSchema(dialect, JSON.parse(json) as SchemaOptions)
      schemas.set(placeOf(schema), schema)
    }
  return [...schemas.values()]
}

/** What the texts leave behind of the outbox that is wanted. */
export function foundInTexts(
  dialect: Dialect,
  texts: readonly string[],
  wanted: OutboxSchema,
): OutboxSchema | undefined {
  return schemasInTexts(dialect, texts).find((schema) => placeOf(schema) === placeOf(wanted))
}

const placeOf = ({ table }: OutboxSchema): string => JSON.stringify([table.schema ?? null, table.name])

import { quoteIdentifier } from '@outboxkit/core'
import type { MigrationStep } from './generator.js'

/** What a migration in SQL runs: the change, and before the first one the schema, where it is not there. */
export function upStatements(dialect: 'postgres' | 'mysql', { from, to, change }: MigrationStep): string[] {
  const { schema } = to.table
  if (dialect === 'mysql' || from !== undefined || schema === undefined) return [...change.up]
  return [createSchemaOnce(schema), ...change.up]
}

/** `create schema if not exists` asks for the right to create one even when it is there. */
function createSchemaOnce(schema: string): string {
  const literal = `'${schema.replaceAll("'", "''")}'`
  return `do $outboxkit$ begin
  if not exists (select from pg_namespace where nspname = ${literal}) then
    create schema ${quoteIdentifier('postgres', schema)};
  end if;
end $outboxkit$`
}

/** What a migration is called: after the outbox, and what it adds. */
export function stepName({ from, to }: MigrationStep): string {
  const added = from === undefined ? [] : to.parts.filter((part) => !from.parts.includes(part))
  const words = [to.table.name, ...added, ...(from !== undefined && added.length === 0 ? ['upgrade'] : [])]
  return words
    .join('_')
    .replaceAll(/[^\w]+/g, '_')
    .toLowerCase()
}

/** A timestamp of Knex and Prisma, `20261231235959`, later than all that are there. */
export function timestampAfter(names: readonly string[], now: Date): string {
  const own = now.toISOString().replaceAll(/\D/g, '').slice(0, 14)
  const last =
    names
      .map((name) => /^\d{14}/.exec(name)?.[0] ?? '')
      .sort()
      .at(-1) ?? ''
  return last < own ? own : String(BigInt(last) + 1n)
}

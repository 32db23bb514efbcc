import { dirname, join } from 'node:path'
import type { SchemaOptions } from '@outboxkit/core'
import { loadValues } from '../config/load.js'
import { configurationError } from '../config/problems.js'
import type { MigrationTool } from '../config/resolved.js'
import { defined, valueOf } from '../config/values.js'
import type { ProjectFiles } from '../project/files.js'
import { exportedLiteral, literalAt, stringsAt } from '../project/literals.js'

/** What a configuration that is there says about migrations. Paths are absolute. */
export interface ExistingSettings {
  readonly tool?: MigrationTool | undefined
  readonly schema?: string | undefined
  readonly out?: string | undefined
  /** `undefined`: it has several outboxes, and so not one first migration. */
  readonly options: SchemaOptions | undefined
}

/**
 * Loads the file; needs neither a database nor its URL. A file that does not load yet - nothing is installed, a variable is
 * missing - is read as text. Rejects with what loading says when its text does not tell which table is meant.
 */
export async function existingSettings(
  files: ProjectFiles,
  file: string,
  {
    cwd,
    environment,
  }: { readonly cwd: string; readonly environment: Readonly<Record<string, string | undefined>> },
): Promise<ExistingSettings> {
  const loaded = await loadValues({ cwd, environment, file, onWarning: () => undefined }).catch(
    (error: unknown) => ({ error }),
  )
  if ('error' in loaded) return settingsInText(files.read(file) ?? '', file, loaded.error)
  const { shared, outboxes, problems } = loaded
  if (problems.length > 0) throw configurationError(problems)
  const [outbox] = outboxes
  const found = settings(file, (key) => valueOf(outbox?.layer ?? shared, key) ?? valueOf(shared, key))
  return outboxes.length > 1 ? { ...found, options: undefined } : found
}

function settingsInText(text: string, file: string, error: unknown): ExistingSettings {
  const literal = exportedLiteral(text)
  // Several outboxes are not read as text.
  if (literal.kind !== 'object' || literalAt(literal, 'outboxes') !== undefined) throw error
  return settings(file, (key) => {
    const found = literalAt(literal, ...key.split('.'))
    if (found === undefined) return undefined
    if (found.kind === 'value') return found.value
    if (found.kind === 'list' && found.items.every(({ kind }) => kind === 'value')) return stringsAt(found)
    throw error
  })
}

function settings(file: string, valueAt: (key: string) => unknown): ExistingSettings {
  const path = (value: unknown) => (typeof value === 'string' ? join(dirname(file), value) : undefined)
  return {
    tool: valueAt('migrations.tool') as MigrationTool | undefined,
    schema: path(valueAt('migrations.schema')),
    out: path(valueAt('migrations.out')),
    options: defined({
      name: valueAt('table.name'),
      schema: valueAt('table.schema'),
      payload: valueAt('table.payload'),
      uniqueId: valueAt('table.uniqueId'),
      with: valueAt('migrations.with'),
      only: valueAt('migrations.only'),
      idType: valueAt('migrations.idType'),
      partitioned: valueAt('migrations.partitioned'),
    }) as SchemaOptions,
  }
}

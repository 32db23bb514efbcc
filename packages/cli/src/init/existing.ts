import { dirname, join } from 'node:path'
import type { SchemaOptions } from '@outboxkit/core'
import { loadValues } from '../config/load.js'
import type { MigrationTool } from '../config/resolved.js'
import { defined, valueOf } from '../config/values.js'
import type { ProjectFiles } from '../project/files.js'
import { exportedLiteral, literalAt, stringAt } from '../project/literals.js'

/** What a configuration that is there says about migrations. Paths are absolute. */
export interface ExistingSettings {
  readonly tool?: MigrationTool | undefined
  readonly schema?: string | undefined
  readonly out?: string | undefined
  readonly options: SchemaOptions
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
  try {
    const { shared, problems } = await loadValues({ cwd, environment, file, onWarning: () => undefined })
    if (problems.length > 0) throw new Error('not valid')
    return settings(file, (key) => valueOf(shared, key))
  } catch (error) {
    const literal = exportedLiteral(files.read(file) ?? '')
    const isKnown = literalAt(literal, 'table')?.kind !== 'dynamic' && literal.kind === 'object'
    if (!isKnown) throw error
    return settings(file, (key) => stringAt(literal, ...key.split('.')))
  }
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

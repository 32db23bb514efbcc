import { resolveTable, type Dialect, type OptionalPart, type SchemaOptions } from '@outboxkit/core'
import type { DatabaseSettings, ResolvedConfig } from '../config/resolved.js'
import type { CommandContext } from '../context.js'
import type { GenerateFlags } from './flags.js'

/** One outbox whose tables are to be made, and what is known about them. */
export interface MigrationTarget {
  readonly name: string
  readonly dialect: Dialect
  /** `undefined`: none is known, or none is to be looked at. */
  readonly database: DatabaseSettings | undefined
  /** Flags before configuration; what neither says is left out. */
  readonly options: SchemaOptions
}

export interface MigrationTargets {
  readonly config: ResolvedConfig | undefined
  readonly targets: readonly MigrationTarget[]
}

/** The outboxes that the flags select. With `--dialect` no configuration is needed, and none is read. */
export async function migrationTargets(
  context: CommandContext,
  flags: GenerateFlags,
): Promise<MigrationTargets> {
  if (flags.dialect !== undefined) {
    const target = {
      name: 'default',
      dialect: flags.dialect,
      database: undefined,
      options: flagOptions(flags),
    }
    return { config: undefined, targets: [target] }
  }
  const config = await context.loadConfig(flags)
  const { migrations } = config
  const targets = context.selectOutboxes(config, flags).map(({ name, database, table }) => {
    const { url, config: settings } = database
    const hasServer = url !== undefined || settings !== undefined
    return {
      name,
      dialect: database.dialect,
      database: flags.database && hasServer ? database : undefined,
      options: {
        name: table.name,
        payload: table.payload,
        ...given('schema', table.schema),
        ...(table.uniqueId ? { uniqueId: true } : {}),
        ...given('with', wantedParts(config, name)),
        ...given('only', migrations.only),
        ...given('idType', migrations.idType),
        ...given('partitioned', migrations.partitioned),
        ...flagOptions(flags),
        ...given('with', flags.with && [...flags.with, ...(wantedParts(config, name) ?? [])]),
      },
    }
  })
  return { config, targets }
}

/** The relay of this outbox keeps what it has published. */
export function archives({ values }: ResolvedConfig, outbox: string): boolean {
  return values.some(
    ({ key, value }) => (key === 'cleanup' || key === `outboxes.${outbox}.cleanup`) && value === 'archive',
  )
}

/** A relay that archives needs an archive: also when nobody has said so twice. */
function wantedParts(config: ResolvedConfig, outbox: string): readonly OptionalPart[] | undefined {
  const { migrations } = config
  if (!archives(config, outbox) || migrations.only !== undefined) return migrations.with
  return [...new Set<OptionalPart>([...(migrations.with ?? []), 'archive'])]
}

function flagOptions(flags: GenerateFlags): SchemaOptions {
  return {
    ...given('name', flags.name),
    ...given('schema', flags.schema),
    ...given('payload', flags.payload),
    ...given('uniqueId', flags.uniqueId),
    ...given('with', flags.with),
    ...given('only', flags.only),
    ...given('idType', flags.idType),
    ...given('partitioned', flags.partitioned),
  }
}

function given<Key extends keyof SchemaOptions>(
  key: Key,
  value: SchemaOptions[Key] | undefined,
): Pick<SchemaOptions, Key> | {} {
  return value === undefined ? {} : { [key]: value }
}

/** The part of the options that says which tables are meant. */
export function tableOf({ name, schema, payload, uniqueId }: SchemaOptions) {
  return resolveTable({
    ...(name === undefined ? {} : { name }),
    ...(schema === undefined ? {} : { schema }),
    ...(payload === undefined ? {} : { payload }),
    ...(uniqueId === undefined ? {} : { uniqueId }),
  })
}

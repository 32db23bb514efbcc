import { dirname, resolve } from 'node:path'
import { effectiveValues } from './effective.js'
import { configVariable, type Environment } from './environment.js'
import { readConfigFile } from './file.js'
import { findConfigFile } from './find.js'
import { gather, type Gathered } from './gather.js'
import { resolveOutbox } from './outbox.js'
import { configurationError, type Problem } from './problems.js'
import type { ResolvedConfig, ResolvedOutbox } from './resolved.js'
import { valueOf, valueOrDefault } from './values.js'

export interface LoadOptions {
  /** Default: the process' own. */
  readonly cwd?: string | undefined
  /** Default: the process' own. */
  readonly environment?: Environment | undefined
  /** Default: `OUTBOXKIT_CONFIG`, else `outbox.config.*` in `cwd` or above it, as far as the project reaches. */
  readonly file?: string | undefined
  /** Hears of variables that have no effect. Default: a process warning. */
  readonly onWarning?: ((message: string) => void) | undefined
}

export interface LoadedValues extends Gathered {
  readonly file: string | undefined
  readonly folder: string
}

/**
 * The configuration: file and environment, validated, with the defaults filled in. Connects to nothing.
 *
 * Rejects with `OUTBOX_CONFIG_INVALID`, with all problems at once.
 */
export async function loadConfig(options: LoadOptions = {}): Promise<ResolvedConfig> {
  const loaded = await loadValues(options)
  const { shared, file, folder } = loaded
  const problems: Problem[] = [...loaded.problems]
  const outboxes: ResolvedOutbox[] = []
  for (const { name, layer } of problems.length > 0 ? [] : loaded.outboxes) {
    const at = loaded.outboxes.length > 1 || name !== 'default' ? `outboxes.${name}.` : ''
    const outbox = await resolveOutbox(name, layer, at, problems)
    if (outbox !== undefined) outboxes.push(outbox)
  }
  refuseTwins(outboxes, problems)
  if (problems.length > 0) throw configurationError(problems)
  return {
    file,
    folder,
    outboxes,
    migrations: {
      tool: valueOf(shared, 'migrations.tool'),
      out: valueOf(shared, 'migrations.out'),
      schema: valueOf(shared, 'migrations.schema'),
      with: valueOf(shared, 'migrations.with'),
      only: valueOf(shared, 'migrations.only'),
      idType: valueOf(shared, 'migrations.idType'),
      partitioned: valueOf(shared, 'migrations.partitioned'),
    },
    http: { host: valueOrDefault(shared, 'http.host'), port: valueOf(shared, 'http.port') },
    log: { level: valueOrDefault(shared, 'log.level'), format: valueOrDefault(shared, 'log.format') },
    values: effectiveValues(loaded),
  }
}

/** File and environment as they were written: checked, but without making anything of them. */
export async function loadValues({
  cwd = process.cwd(),
  environment = process.env,
  file,
  onWarning = (message) => process.emitWarning(message, { type: 'OutboxWarning' }),
}: LoadOptions): Promise<LoadedValues> {
  const named = file ?? environment[configVariable]
  const path = named === undefined || named === '' ? findConfigFile(cwd) : resolve(cwd, named)
  const object = path === undefined ? undefined : await readConfigFile(path)
  const gathered = gather({ file: path === undefined ? undefined : { path, object }, environment, cwd })
  for (const warning of gathered.warnings) onWarning(warning)
  return { ...gathered, file: path, folder: path === undefined ? cwd : dirname(path) }
}

/** Two relays of one table would wait for each other's lease for ever. */
function refuseTwins(outboxes: readonly ResolvedOutbox[], problems: Problem[]): void {
  const seen = new Map<string, string>()
  for (const { name, database, table } of outboxes) {
    if (database.url === undefined) continue
    const place = JSON.stringify([database.url, table.schema ?? null, table.name])
    const twin = seen.get(place)
    if (twin !== undefined)
      problems.push({ where: `outboxes.${name}`, message: `is the same table as outboxes.${twin}.` })
    seen.set(place, name)
  }
}

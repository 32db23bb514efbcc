import { dirname, resolve } from 'node:path'
import { processWarning } from '@outboxkit/core'
import { effectiveValues } from './effective.js'
import { configVariable, type Environment } from './environment.js'
import { readConfigFile } from './file.js'
import { findConfigFile } from './find.js'
import { gather, type Gathered, type Inputs } from './gather.js'
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

/**
 * The configuration: file and environment, validated, with the defaults filled in. Connects to nothing.
 *
 * Rejects with `OUTBOX_CONFIG_INVALID`, with all problems at once.
 */
export async function loadConfig(options: LoadOptions = {}): Promise<ResolvedConfig> {
  const inputs = await readInputs(options)
  return resolveConfig(inputs, options.onWarning ?? warn)
}

/** What there is to read, unchecked. Rejects with `OUTBOX_CONFIG_INVALID` for a file that does not load. */
async function readInputs({
  cwd = process.cwd(),
  environment = process.env,
  file,
}: LoadOptions): Promise<Inputs> {
  const named = file ?? environment[configVariable]
  const path = named === undefined || named === '' ? findConfigFile(cwd) : resolve(cwd, named)
  const object = path === undefined ? undefined : await readConfigFile(path)
  return { cwd, environment, file: path === undefined ? undefined : { path, object } }
}

/** Every value that was given and where, and what is wrong with it: without making anything of them. */
export async function loadValues(
  options: LoadOptions,
): Promise<Gathered & { readonly file: string | undefined; readonly inputs: Inputs }> {
  const inputs = await readInputs(options)
  const gathered = gather(inputs)
  for (const warning of gathered.warnings) (options.onWarning ?? warn)(warning)
  return { ...gathered, file: inputs.file?.path, inputs }
}

/** {@link loadConfig} on what was read already. */
export async function resolveConfig(
  inputs: Inputs,
  onWarning: (message: string) => void = warn,
): Promise<ResolvedConfig> {
  const gathered = gather(inputs)
  for (const warning of gathered.warnings) onWarning(warning)
  const { shared } = gathered
  const problems: Problem[] = [...gathered.problems]
  const outboxes: ResolvedOutbox[] = []
  for (const { name, layer, at } of problems.length > 0 ? [] : gathered.outboxes) {
    const outbox = await resolveOutbox(name, layer, at, problems)
    if (outbox !== undefined) outboxes.push(outbox)
  }
  refuseTwins(outboxes, problems)
  if (problems.length > 0) throw configurationError(problems)
  return {
    file: inputs.file?.path,
    folder: inputs.file === undefined ? inputs.cwd : dirname(inputs.file.path),
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
    values: effectiveValues(gathered),
  }
}

function warn(message: string): void {
  processWarning('OUTBOX_CONFIG', message)
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

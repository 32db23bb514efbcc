import { resolve } from 'node:path'
import { nearestName } from '@outboxkit/core'
import { readSecret, type Given, type Layer } from './layer.js'
import type { Problem } from './problems.js'
import { settingOf, settings, toVariable, type Setting } from './settings.js'

export type Environment = Readonly<Record<string, string | undefined>>

export interface EnvironmentLayers {
  readonly shared: Layer
  /** By the outbox's name as it stands in the variable, e.g. `BILLING`. */
  readonly outboxes: ReadonlyMap<string, Layer>
}

/** The file of the configuration; no setting itself. */
export const configVariable = 'OUTBOXKIT_CONFIG'

const prefix = 'OUTBOXKIT_'
const outboxPrefix = 'OUTBOXKIT_OUTBOXES_'
const fallbacks = [
  { variable: 'DATABASE_URL', key: 'database.url', unless: ['database.url', 'database.config', 'source'] },
  { variable: 'KAFKA_BROKERS', key: 'kafka.brokers', unless: ['kafka.brokers', 'publisher'] },
] as const
const byVariable = new Map(
  settings.flatMap((setting) =>
    setting.variable === undefined ? [] : [[setting.variable, setting] as const],
  ),
)

/** Reads every `OUTBOXKIT_…` variable. Empty ones count as not set. */
export function readEnvironment(
  environment: Environment,
  cwd: string,
  problems: Problem[],
): EnvironmentLayers {
  const shared = new Map<string, Given>()
  const outboxes = new Map<string, Map<string, Given>>()
  for (const [name, text] of Object.entries(environment)) {
    if (!name.startsWith(prefix) || text === undefined || text === '' || name === configVariable) continue
    if (isServiceLink(name, text)) continue
    const found = lookUp(name)
    if (found === undefined) {
      problems.push({ where: name, message: unknownVariable(name) })
      continue
    }
    const layer = found.outbox === undefined ? shared : layerFor(outboxes, found.outbox)
    const given = valueOf(name, text, found, cwd, problems)
    if (given === undefined) continue
    if (layer.has(found.setting.key))
      problems.push({
        where: name,
        message: `is set together with ${layer.get(found.setting.key)?.from}. Set one of them.`,
      })
    layer.set(found.setting.key, given)
  }
  return { shared, outboxes }
}

interface Found {
  readonly setting: Setting
  readonly outbox?: string | undefined
  readonly isFile: boolean
}

/** `OUTBOXKIT_A`, `OUTBOXKIT_A_FILE`, `OUTBOXKIT_OUTBOXES_NAME_A`. */
function lookUp(name: string): Found | undefined {
  const setting = byVariable.get(name)
  if (setting !== undefined && setting.fileOf === undefined) return { setting, isFile: false }
  const base = byVariable.get(name.replace(/_FILE$/, ''))
  if (name.endsWith('_FILE') && base !== undefined) return { setting: base, isFile: true }
  if (!name.startsWith(outboxPrefix)) return undefined
  const rest = name.slice(outboxPrefix.length)
  // The longest name of a setting that fits: an outbox is called `A` in OUTBOXES_A_TABLE_NAME, not `A_TABLE`.
  for (let end = rest.indexOf('_'); end !== -1; end = rest.indexOf('_', end + 1)) {
    const inner = end === 0 ? undefined : lookUp(`${prefix}${rest.slice(end + 1)}`)
    if (inner !== undefined && inner.outbox === undefined && inner.setting.perOutbox)
      return { ...inner, outbox: rest.slice(0, end) }
  }
  return undefined
}

function valueOf(
  name: string,
  text: string,
  { setting, isFile }: Found,
  cwd: string,
  problems: Problem[],
): Given | undefined {
  if (!isFile) return parsed(name, text, { setting, origin: 'environment', from: name }, problems)
  const path = resolve(cwd, text)
  const content = readSecret(path, name, problems)
  return content === undefined
    ? undefined
    : parsed(name, content, { setting, origin: 'secret file', from: `${path} (${name})` }, problems)
}

function parsed(
  name: string,
  text: string,
  { setting, origin, from }: { setting: Setting; origin: Given['origin']; from: string },
  problems: Problem[],
): Given | undefined {
  const result = setting.schema.safeParse(fromText(setting, text))
  if (result.success) return { value: result.data, origin, from }
  const got = setting.secret === undefined ? `, got ${JSON.stringify(text.slice(0, 80))}` : ''
  problems.push({ where: name, message: `${result.error.issues[0]?.message ?? 'is not valid'}${got}.` })
  return undefined
}

function fromText({ kind }: Setting, text: string): unknown {
  if (kind === 'number') return /^-?\d+(\.\d+)?$/.test(text.trim()) ? Number(text) : text
  if (kind === 'boolean')
    return { true: true, '1': true, false: false, '0': false }[text.trim().toLowerCase()] ?? text
  if (kind === 'list') return text.split(',').map((item) => item.trim())
  return text
}

/** `DATABASE_URL` and `KAFKA_BROKERS`, which others set as well: read only where nothing else is given. */
export function readFallbacks(environment: Environment, given: Layer, problems: Problem[]): Layer {
  const layer = new Map<string, Given>()
  for (const { variable, key, unless } of fallbacks) {
    const text = environment[variable]
    const setting = settingOf(key)
    if (
      text === undefined ||
      text === '' ||
      setting === undefined ||
      unless.some((other) => given.has(other))
    )
      continue
    const value = parsed(variable, text, { setting, origin: 'environment', from: variable }, problems)
    if (value !== undefined) layer.set(key, value)
  }
  return layer
}

function layerFor(outboxes: Map<string, Map<string, Given>>, name: string): Map<string, Given> {
  const layer = outboxes.get(name) ?? new Map<string, Given>()
  outboxes.set(name, layer)
  return layer
}

function unknownVariable(name: string): string {
  const nearest = nearestName(name, [...byVariable.keys(), configVariable])
  const hint =
    nearest === undefined ? '`outboxkit config --variables` lists all.' : `Did you mean ${nearest}?`
  return `is not known. ${hint}`
}

/** What Kubernetes sets for a service that happens to be called `outboxkit` or `outboxkit-…`. */
function isServiceLink(name: string, text: string): boolean {
  return (
    /^(tcp|udp|sctp):\/\//.test(text) ||
    /_SERVICE_(HOST|PORT(_[A-Z0-9_]+)?)$/.test(name) ||
    /_PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?$/.test(name)
  )
}

/** The outbox of a variable: one of the file's, or the name itself in small letters. */
export function outboxNameOf(inVariable: string, known: readonly string[]): string {
  return known.find((name) => toVariable(name) === inVariable) ?? inVariable.toLowerCase()
}

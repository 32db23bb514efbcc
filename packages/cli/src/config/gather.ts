import { dirname } from 'node:path'
import { sourceOrigin, type Source } from '@outboxkit/relay'
import { outboxNameOf, readEnvironment, readFallbacks, type Environment } from './environment.js'
import { layerOf, overlay, valueAt, type Given, type Layer } from './layer.js'
import { problemsOf, type Problem } from './problems.js'
import { configSchema } from './schema.js'

/** What the user has written: the object of the configuration file, and the environment. */
export interface Inputs {
  readonly file: { readonly path: string; readonly object: unknown } | undefined
  readonly environment: Environment
  readonly cwd: string
}

/** Every value that was given, for each outbox. */
export interface Gathered {
  readonly outboxes: readonly GatheredOutbox[]
  readonly shared: Layer
  readonly problems: readonly Problem[]
  readonly warnings: readonly string[]
}

export interface GatheredOutbox {
  readonly name: string
  readonly layer: Layer
  /** What goes before a key when people are told where it is, e.g. `outboxes.billing.`. */
  readonly at: string
}

/** What a ready-made source or publisher has of its own, so that nobody else can set it. */
export const sourceKeys =
  /^(database|table|sweep)\.|^(maxBatchEvents|maxBatchBytes|noteIntervalMs|cleanup|retentionMs)$/
export const publisherKeys = /^kafka\./

/** Default, file, environment; what is said of one outbox goes before what is said of all. */
export function gather({ file, environment, cwd }: Inputs): Gathered {
  const problems: Problem[] = []
  const warnings: string[] = []
  const object = checkedObject(file?.object ?? {}, problems)
  const place = { file: file?.path ?? '', folder: file === undefined ? cwd : dirname(file.path), problems }
  const inFile = layerOf(object, { ...place, at: [] })
  const inEnvironment = readEnvironment(environment, cwd, problems)
  const several = valueAt(object, ['outboxes']) as
    | Readonly<Record<string, Record<string, unknown>>>
    | undefined
  const names = namesOf(Object.keys(several ?? {}), [...inEnvironment.outboxes.keys()], problems)
  const outboxes = names.map(({ name, variable, isOnly }) => {
    const at = isOnly ? [] : ['outboxes', name]
    const own = layerOf(several?.[name] ?? {}, { ...place, at })
    refuseBoth(isOnly ? inFile : own, at, problems)
    const readyMade = overlay([inFile, own])
    const usable = (layer: Layer | undefined) => withoutReadyMade(layer ?? new Map(), readyMade, warnings)
    const given = overlay([
      inFile,
      usable(inEnvironment.shared),
      own,
      usable(variable === undefined ? undefined : inEnvironment.outboxes.get(variable)),
    ])
    const layer = new Map([...given, ...readFallbacks(environment, given, problems)])
    switchOnTls(layer)
    return { name, at: at.map((part) => `${part}.`).join(''), layer }
  })
  if (names.length > 1) refuseShared(inFile, problems)
  return {
    outboxes,
    shared: overlay([inFile, inEnvironment.shared]),
    problems,
    warnings: [...new Set(warnings)],
  }
}

/** Who says something of TLS wants it. */
function switchOnTls(layer: Map<string, Given>): void {
  const [, option] = [...layer].find(([key]) => key.startsWith('kafka.ssl.')) ?? []
  if (option !== undefined && !layer.has('kafka.ssl')) layer.set('kafka.ssl', { ...option, value: true })
}

function checkedObject(object: unknown, problems: Problem[]): Readonly<Record<string, unknown>> {
  const result = configSchema.safeParse(object)
  if (result.success) return result.data
  problems.push(...problemsOf(result.error.issues, object))
  return {}
}

interface OutboxName {
  readonly name: string
  /** As it stands in variables. */
  readonly variable?: string | undefined
  /** There are not several. */
  readonly isOnly: boolean
}

function namesOf(
  inFile: readonly string[],
  inVariables: readonly string[],
  problems: Problem[],
): OutboxName[] {
  for (const name of inFile)
    if (!/^[A-Za-z0-9][A-Za-z0-9_-]*$/.test(name))
      problems.push({ where: `outboxes.${name}`, message: 'A name has letters, digits, - and _ only.' })
  const named = inVariables.map((variable) => ({ variable, name: outboxNameOf(variable, inFile) }))
  const all = [...new Set([...inFile, ...named.map(({ name }) => name)])]
  if (all.length === 0) return [{ name: 'default', isOnly: true }]
  return all.map((name) => ({
    name,
    variable: named.find((candidate) => candidate.name === name)?.variable,
    isOnly: false,
  }))
}

/** Beside a ready-made source nothing can say how it reads, but for a source that is not ours. */
function refuseBoth(layer: Layer, at: readonly string[], problems: Problem[]): void {
  const source = layer.get('source')?.value as Source | undefined
  const isOurs = source !== undefined && sourceOrigin(source) !== undefined
  for (const key of layer.keys()) {
    const where = [...at, key].join('.')
    if (isOurs && sourceKeys.test(key))
      problems.push({
        where,
        message: 'stands beside `source`, which has it as an option of its own. Give one of them.',
      })
    if (layer.has('publisher') && publisherKeys.test(key))
      problems.push({
        where,
        message: 'stands beside `publisher`, which has it as an option of its own. Give one of them.',
      })
  }
}

/** One connection cannot serve two outboxes: each closes it. */
function refuseShared(inFile: Layer, problems: Problem[]): void {
  for (const key of ['source', 'publisher'])
    if (inFile.has(key))
      problems.push({
        where: key,
        message: `is one object for several outboxes. Give each its own, or ${key === 'source' ? '`database`' : '`kafka`'} for all.`,
      })
}

/** The environment cannot change what a file has made already; it may well hold what the file has used. */
function withoutReadyMade(layer: Layer, readyMade: Layer, warnings: string[]): Layer {
  const ignored = [...layer].filter(
    ([key]) =>
      (readyMade.has('source') && sourceKeys.test(key)) ||
      (readyMade.has('publisher') && publisherKeys.test(key)),
  )
  if (ignored.length === 0) return layer
  for (const [key, { value, from }] of ignored)
    if (key !== 'database.url' || value !== sourceOrigin(readyMade.get('source')?.value as Source)?.url)
      warnings.push(
        `${from} has no effect: the configuration file makes ${publisherKeys.test(key) ? 'the publisher' : 'the source'} itself.`,
      )
  const keys = new Set(ignored.map(([key]) => key))
  return new Map([...layer].filter(([key]) => !keys.has(key)))
}

import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import type { Problem } from './problems.js'
import { settings, type Setting } from './settings.js'
import type { ValueOrigin } from './resolved.js'

/** A value and where it came from. */
export interface Given {
  readonly value: unknown
  readonly origin: ValueOrigin
  /** The variable or the file. */
  readonly from: string
}

/** Values by the key of their setting. A later layer goes before an earlier one. */
export type Layer = ReadonlyMap<string, Given>

/** Of each of these only one is in effect: whoever says one of them means it in the place of the others. */
const alternatives: readonly (readonly string[])[] = [
  ['database.url', 'database.config', 'source'],
  ['kafka.brokers', 'publisher'],
]

/** The layers as one, the last the strongest. */
export function overlay(layers: readonly Layer[]): Layer {
  const merged = new Map<string, Given>()
  for (const layer of layers) {
    for (const key of layer.keys())
      for (const other of alternatives.find((group) => group.includes(key)) ?? [])
        if (!layer.has(other)) merged.delete(other)
    for (const [key, given] of layer) merged.set(key, given)
  }
  return merged
}

/** The settings in a checked object of the configuration file. `file`: relative paths start beside it. */
export function layerOf(
  object: Readonly<Record<string, unknown>>,
  {
    file,
    folder,
    at,
    problems,
  }: {
    readonly file: string
    readonly folder: string
    readonly at: readonly string[]
    readonly problems: Problem[]
  },
): Layer {
  const layer = new Map<string, Given>()
  for (const setting of settings) {
    const value = valueAt(object, setting.path)
    if (value === undefined || isGroup(setting, value)) continue
    const where = [...at, ...setting.path].join('.')
    if (setting.fileOf === undefined) {
      layer.set(setting.key, { value, origin: 'file', from: file })
      continue
    }
    const target = [...setting.path.slice(0, -1), setting.fileOf]
    if (valueAt(object, target) !== undefined)
      problems.push({ where, message: `stands beside ${setting.fileOf}. Give one of them.` })
    else {
      const path = resolve(folder, value as string)
      const secret = readSecret(path, where, problems)
      if (secret !== undefined)
        layer.set(target.join('.'), { value: secret, origin: 'secret file', from: path })
    }
  }
  return layer
}

/** `kafka.ssl` is a setting and a group. */
function isGroup(setting: Setting, value: unknown): boolean {
  return setting.kind === 'boolean' && typeof value === 'object'
}

/** The text of a file without the line break at its end. */
export function readSecret(path: string, where: string, problems: Problem[]): string | undefined {
  try {
    const text = readFileSync(path, 'utf8').replace(/\r?\n$/, '')
    if (text !== '') return text
    problems.push({ where, message: `The file ${path} is empty.` })
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    problems.push({ where, message: `The file ${path} cannot be read (${code ?? 'unknown'}).` })
  }
  return undefined
}

export function valueAt(object: unknown, path: readonly string[]): unknown {
  return path.reduce<unknown>(
    (inner, name) =>
      typeof inner === 'object' && inner !== null ? (inner as Record<string, unknown>)[name] : undefined,
    object,
  )
}

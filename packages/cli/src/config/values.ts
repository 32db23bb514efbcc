import { settingOf } from './settings.js'
import type { Layer } from './layer.js'

/** The value that was given; `undefined`: the default holds. */
export function valueOf<Value>(layer: Layer, key: string): Value | undefined {
  return layer.get(key)?.value as Value | undefined
}

/** Where people look for a setting: the variable or the key in the file. `at`: goes before the key. */
export function whereOf(layer: Layer, key: string, at: string): string {
  const given = layer.get(key)
  if (given?.origin === 'environment') return given.from
  const variable = settingOf(key)?.variable
  return given === undefined && at === '' && variable !== undefined ? `${key} (${variable})` : `${at}${key}`
}

/** The value in effect, for settings whose default is one. */
export function valueOrDefault<Value>(layer: Layer, key: string): Value {
  return (valueOf<Value>(layer, key) ?? settingOf(key)?.default) as Value
}

/** Without what is `undefined`: for options that tell the two apart. */
export function defined<Shape extends object>(
  options: Shape,
): { [Key in keyof Shape]?: Exclude<Shape[Key], undefined> } {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as {
    [Key in keyof Shape]?: Exclude<Shape[Key], undefined>
  }
}

/** The given values of these keys as an object: `lease.termMs` becomes `{ lease: { termMs } }`. */
export function nested(layer: Layer, keys: readonly string[]): Record<string, unknown> {
  const object: Record<string, unknown> = {}
  for (const key of keys) {
    const value = valueOf(layer, key)
    if (value === undefined) continue
    const path = key.split('.')
    const last = path.pop() ?? key
    let inner = object
    for (const name of path) inner = (inner[name] ??= {}) as Record<string, unknown>
    inner[last] = value
  }
  return object
}

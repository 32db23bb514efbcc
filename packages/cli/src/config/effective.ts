import { publisherKeys, sourceKeys, type Gathered } from './gather.js'
import type { Given, Layer } from './layer.js'
import type { EffectiveValue } from './resolved.js'
import { settings, type Setting } from './settings.js'

/** Every value in effect, without secrets. What is the same for all outboxes is there once. */
export function effectiveValues({
  outboxes,
  shared,
}: Pick<Gathered, 'outboxes' | 'shared'>): EffectiveValue[] {
  return settings.flatMap((setting) => {
    if (setting.fileOf !== undefined) return []
    if (!setting.perOutbox) return effective(setting.key, setting, shared.get(setting.key))
    const found = outboxes
      .filter(({ layer }) => layer.has(setting.key) || !isElsewhere(setting, layer))
      .map(({ name, layer }) => ({ name, given: layer.get(setting.key) }))
    const [first] = found
    if (first === undefined) return []
    if (found.every(({ given }) => given?.value === first.given?.value && given?.from === first.given?.from))
      return effective(setting.key, setting, first.given)
    return found.flatMap(({ name, given }) => effective(`outboxes.${name}.${setting.key}`, setting, given))
  })
}

/** Has its value inside of what the configuration file has made. */
function isElsewhere({ key }: Setting, layer: Layer): boolean {
  return (layer.has('source') && sourceKeys.test(key)) || (layer.has('publisher') && publisherKeys.test(key))
}

function effective(key: string, setting: Setting, given: Given | undefined): EffectiveValue[] {
  if (given !== undefined)
    return [{ key, value: withoutSecret(setting, given.value), origin: given.origin, from: given.from }]
  return setting.default === undefined ? [] : [{ key, value: setting.default, origin: 'default' }]
}

function withoutSecret({ kind, secret }: Setting, value: unknown): unknown {
  if (kind === 'code' || typeof value === 'function' || (typeof value === 'object' && !Array.isArray(value)))
    return secret === true ? '(secret)' : madeInFile(value)
  if (secret === true) return '(secret)'
  return secret === 'url' ? hidePassword(value as string) : value
}

/** Sources and publishers say in their name what they are; it is made for logs, and never holds a secret. */
function madeInFile(value: unknown): string {
  const { name } = (value ?? {}) as { name?: unknown }
  const isNamed = typeof value === 'object' && typeof name === 'string' && name !== ''
  return `(made in the file${isNamed ? `: ${name}` : ''})`
}

/** `postgres://user:***@host/database?password=***` */
export function hidePassword(url: string): string {
  const [, scheme, rest] = /^([a-z0-9+]+:\/\/)(.*)$/is.exec(url) ?? []
  // Not a URL: who knows what it is.
  if (scheme === undefined || rest === undefined) return '(secret)'
  // The last @ that can end the login: a password may hold one that is not encoded.
  const end = rest.lastIndexOf('@')
  const login = end === -1 ? '' : rest.slice(0, end)
  const colon = login.indexOf(':')
  const user = colon === -1 ? login : `${login.slice(0, colon)}:***`
  const target = rest
    .slice(end + 1)
    .replace(/([?&][^=&#]*(?:pass|secret|token|key)[^=&#]*=|[?&]ssl=(?=\s*(?:\{|%7b)))[^&#]*/gi, '$1***')
  return end === -1 ? `${scheme}${target}` : `${scheme}${user}@${target}`
}

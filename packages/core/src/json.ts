import { OutboxError } from './errors.js'

/** What to do with a BigInt inside a payload: refuse it, or store it as a decimal string. */
export type BigIntPolicy = 'error' | 'string'

// Deeper documents break parsers of consumers, and the recursion here.
const maxDepth = 500

/**
 * The payload as JSON text. Whatever JSON would drop, change or refuse is an error that names the path.
 * Throws `OUTBOX_PAYLOAD_INVALID`.
 */
export function toJsonText(payload: unknown, bigint: BigIntPolicy): string {
  check(payload, [], new Set(), bigint)
  const text = stringify(payload, bigint)
  if (text === undefined) fail([], 'has nothing to store (its toJSON returned undefined)')
  return text
}

function stringify(payload: unknown, bigint: BigIntPolicy): string | undefined {
  const replacer = (_: string, value: unknown): unknown => (typeof value === 'bigint' ? String(value) : value)
  try {
    return bigint === 'string' ? JSON.stringify(payload, replacer) : JSON.stringify(payload)
  } catch (cause) {
    return fail([], 'cannot be written as JSON', cause)
  }
}

type Path = (string | number)[]

function check(value: unknown, path: Path, parents: Set<object>, bigint: BigIntPolicy): void {
  switch (typeof value) {
    case 'string':
      if (!isStorableText(value))
        fail(path, 'contains a NUL character or a lone surrogate, which databases cannot store')
      return
    case 'number':
      if (!Number.isFinite(value)) fail(path, `is ${value}, which JSON cannot express`)
      return
    case 'boolean':
      return
    case 'bigint':
      if (bigint === 'error' && !hasToJson(value))
        fail(path, "is a BigInt. Convert it, or set the option bigint: 'string' to store it as a string")
      return
    case 'object':
      if (value !== null) checkObject(value, path, parents, bigint)
      return
    case 'undefined':
    case 'function':
    case 'symbol':
      fail(
        path,
        `is ${typeof value === 'undefined' ? 'undefined' : `a ${typeof value}`}, which JSON cannot express`,
      )
  }
}

function checkObject(value: object, path: Path, parents: Set<object>, bigint: BigIntPolicy): void {
  if (parents.has(value)) fail(path, 'refers back to an object that contains it (a cycle)')
  if (path.length > maxDepth) fail(path.slice(0, 8), `is nested more than ${maxDepth} levels deep`)
  if (value instanceof Date && Number.isNaN(value.getTime()))
    fail(path, 'is an invalid Date, which JSON would store as null')
  if (hasToJson(value)) {
    check(callToJson(value, path), path, new Set(parents).add(value), bigint)
    return
  }
  if (value instanceof Number || value instanceof BigInt) {
    check(value.valueOf(), path, parents, bigint)
    return
  }
  if (
    value instanceof Error ||
    value instanceof Map ||
    value instanceof Set ||
    value instanceof WeakMap ||
    value instanceof WeakSet ||
    value instanceof Promise ||
    value instanceof RegExp
  )
    fail(path, `is of the class ${value.constructor.name}, which JSON would store as {}`)
  if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer)
    fail(path, "is binary. Encode it (base64), or use a table with payload: 'bytes'")
  parents.add(value)
  if (Array.isArray(value))
    for (let index = 0; index < value.length; index++) checkItem(value[index], index, path, parents, bigint)
  else for (const [key, item] of Object.entries(value)) checkProperty(key, item, path, parents, bigint)
  parents.delete(value)
}

function checkItem(
  item: unknown,
  index: number,
  path: Path,
  parents: Set<object>,
  bigint: BigIntPolicy,
): void {
  path.push(index)
  check(item, path, parents, bigint)
  path.pop()
}

function checkProperty(
  key: string,
  item: unknown,
  path: Path,
  parents: Set<object>,
  bigint: BigIntPolicy,
): void {
  // JSON leaves out a property that is undefined, and so does everybody who writes { note: order.note }.
  if (item === undefined) return
  path.push(key)
  if (!isStorableText(key)) fail(path, 'has a key with a NUL character or a lone surrogate')
  check(item, path, parents, bigint)
  path.pop()
}

function hasToJson(value: unknown): value is { toJSON(): unknown } {
  return typeof (value as { toJSON?: unknown }).toJSON === 'function'
}

function callToJson(value: { toJSON(): unknown }, path: Path): unknown {
  try {
    return value.toJSON()
  } catch (cause) {
    return fail(path, 'has a toJSON() that throws', cause)
  }
}

/** No NUL (PostgreSQL cannot store it) and no lone surrogate (it has no UTF-8). */
export function isStorableText(text: string): boolean {
  return !/\0|[\uD800-\uDBFF](?![\uDC00-\uDFFF])|(?<![\uD800-\uDBFF])[\uDC00-\uDFFF]/.test(text)
}

function fail(path: Path, problem: string, cause?: unknown): never {
  const where = path.map((part) => (typeof part === 'number' ? `[${part}]` : `.${part}`)).join('')
  throw new OutboxError('OUTBOX_PAYLOAD_INVALID', `payload${where} ${problem}.`, {
    details: { path: [...path] },
    cause,
  })
}

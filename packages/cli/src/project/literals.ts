import { posix } from 'node:path'
import { endOfString, skipTo, withoutComments } from './code.js'

/**
 * What a configuration file says without being executed. A value that only running it could tell is `dynamic`;
 * `environment` is a variable's name.
 */
export type Literal =
  | { readonly kind: 'value'; readonly value: string | number | boolean | null }
  | { readonly kind: 'list'; readonly items: readonly Literal[] }
  /** `open`: there may be more keys, from a spread or a computed name. */
  | { readonly kind: 'object'; readonly entries: ReadonlyMap<string, Literal>; readonly open: boolean }
  | { readonly kind: 'environment'; readonly name: string }
  | { readonly kind: 'dynamic' }

const dynamic: Literal = { kind: 'dynamic' }
const value = (of: string | number | boolean | null): Literal => ({ kind: 'value', value: of })

/** What a module exports by default, or by `module.exports`. JSON is read as well. */
export function exportedLiteral(text: string): Literal {
  const code = withoutComments(text)
  const start =
    /(?:^|[\n;}])\s*(?:export\s+default\b|module\.exports\s*=|exports\.default\s*=|export\s*=)/.exec(code)
  if (start !== null) return new Reader(code).read(start.index + start[0].length)
  return /^\s*\{/.test(code) ? new Reader(code).read(0) : dynamic
}

/** The value at a path of keys: `undefined` when it is surely not there. */
export function literalAt(literal: Literal, ...keys: readonly string[]): Literal | undefined {
  let found: Literal = literal
  for (const key of keys) {
    if (found.kind !== 'object') return found.kind === 'dynamic' ? dynamic : undefined
    const entry: Literal | undefined = found.entries.get(key)
    if (entry === undefined) return found.open ? dynamic : undefined
    found = entry
  }
  return found
}

/** The string at a path of keys, if it is one. */
export function stringAt(literal: Literal, ...keys: readonly string[]): string | undefined {
  const found = literalAt(literal, ...keys)
  return found?.kind === 'value' && typeof found.value === 'string' ? found.value : undefined
}

/** The string, or the strings of the list, at a path of keys. */
export function stringsAt(literal: Literal, ...keys: readonly string[]): readonly string[] {
  const found = literalAt(literal, ...keys)
  const items = found?.kind === 'list' ? found.items : found === undefined ? [] : [found]
  return items.flatMap((item) =>
    item.kind === 'value' && typeof item.value === 'string' ? [item.value] : [],
  )
}

/** Plain data, as executing a file gives it. */
export function toLiteral(data: unknown): Literal {
  if (data === null || ['string', 'number', 'boolean'].includes(typeof data))
    return value(data as string | number | boolean | null)
  if (Array.isArray(data)) return { kind: 'list', items: data.map(toLiteral) }
  if (typeof data !== 'object') return dynamic
  const entries = new Map(Object.entries(data).map(([key, item]) => [key, toLiteral(item)] as const))
  return { kind: 'object', entries, open: false }
}

/** Reads one expression; what it does not know is `dynamic`. Never throws. */
class Reader {
  readonly #code: string
  #at = 0
  /** Names that are being looked up, so that a circle ends. */
  readonly #names: readonly string[]

  constructor(code: string, names: readonly string[] = []) {
    this.#code = code
    this.#names = names
  }

  read(at: number): Literal {
    this.#at = at
    return this.#expression()
  }

  #expression(): Literal {
    const first = this.#operand()
    const space = this.#match(/\s*/y)[0] ?? ''
    if (this.#match(/(?=[,;)\]}]|$)/y)[0] !== undefined) return first
    const next = this.#code.slice(this.#at, this.#at + 10)
    this.#at = skipTo(this.#code, this.#at, ',;')
    if (/^(!(?!=)|(as|satisfies)\b)/.test(next)) return first
    // `process.env.X ?? 'a default'` is the variable; whatever else follows could change the value.
    if (/^(\?\?|\|\|)/.test(next)) return first.kind === 'environment' ? first : dynamic
    const isNextStatement = space.includes('\n') && /^[\w$@'"]/.test(next)
    return isNextStatement ? first : dynamic
  }

  #operand(): Literal {
    this.#match(/\s*/y)
    const character = this.#code[this.#at]
    if (character === '{') return this.#object()
    if (character === '[') return this.#list()
    if (character === '(') return this.#inParentheses()
    if (character === '"' || character === "'" || character === '`') return this.#string()
    const number = this.#match(/-?\d[\d_.]*/y)[0]
    if (number !== undefined) return value(Number(number.replaceAll('_', '')))
    return this.#named()
  }

  #named(): Literal {
    const variable = this.#match(
      /process\.env(?:\.([\w$]+)|\[\s*["']([\w$]+)["']\s*\])|env\(\s*["']([\w$]+)["']\s*\)/y,
    )
    if (variable[0] !== undefined)
      return { kind: 'environment', name: variable[1] ?? variable[2] ?? variable[3] ?? '' }
    if (this.#match(/defineConfig\s*(?:<[^>]*>)?\s*\(/y)[0] !== undefined)
      return this.#closing(this.#expression())
    if (this.#match(/(?:path\.|posix\.)?(?:join|resolve)\s*\(/y)[0] !== undefined) return this.#joinedPath()
    if (this.#match(/__dirname\b|import\.meta\.dirname\b/y)[0] !== undefined) return value('.')
    const word = this.#match(/[A-Za-z_$][\w$]*/y)[0]
    if (word === 'true' || word === 'false') return value(word === 'true')
    if (word === 'null' || word === 'undefined') return value(null)
    return word === undefined || /^(async|function|new|await|typeof)$/.test(word)
      ? dynamic
      : this.#constant(word)
  }

  #inParentheses(): Literal {
    const end = skipTo(this.#code, this.#at + 1, ')')
    // Parameters of a function.
    if (/^\)\s*(?::[^=]*)?=>/.test(this.#code.slice(end))) {
      this.#at = end + 1
      return dynamic
    }
    this.#at += 1
    return this.#closing(this.#expression())
  }

  #closing(found: Literal): Literal {
    this.#at = skipTo(this.#code, this.#at, ')') + 1
    return found
  }

  #joinedPath(): Literal {
    const parts: Literal[] = []
    while (this.#at < this.#code.length && this.#match(/\s*\)/y)[0] === undefined) {
      parts.push(this.#expression())
      this.#match(/\s*,/y)
    }
    const texts = parts.map((part) => (part.kind === 'value' ? part.value : undefined))
    return texts.every((text) => typeof text === 'string') ? value(posix.join(...texts)) : dynamic
  }

  #string(): Literal {
    const end = endOfString(this.#code, this.#at)
    const text = this.#code.slice(this.#at + 1, end - 1)
    const isTemplate = this.#code[this.#at] === '`'
    this.#at = end
    if (isTemplate && text.includes('${')) return dynamic
    return value(text.replace(/\\(u[\da-f]{4}|x[\da-f]{2}|[^ux])/gi, unescape))
  }

  #list(): Literal {
    const items: Literal[] = []
    this.#at += 1
    while (this.#at < this.#code.length && this.#match(/\s*\]/y)[0] === undefined) {
      items.push(this.#match(/\s*\.\.\./y)[0] === undefined ? this.#expression() : this.#skipped())
      this.#match(/\s*,/y)
    }
    return { kind: 'list', items }
  }

  #object(): Literal {
    const entries = new Map<string, Literal>()
    let open = false
    this.#at += 1
    while (this.#at < this.#code.length && this.#match(/\s*\}/y)[0] === undefined) {
      const entry = this.#entry()
      if (entry === undefined) {
        // It may say something else about every key before it.
        open = true
        entries.clear()
      } else entries.set(...entry)
      this.#match(/\s*,/y)
    }
    return { kind: 'object', entries, open }
  }

  /** `undefined`: a key that cannot be told. */
  #entry(): [string, Literal] | undefined {
    this.#match(/\s*/y)
    const [, plain, quoted] = this.#match(/(?:([\w$]+)|["']([^"'\n]*)["'])\s*/y)
    const key = plain ?? quoted
    if (key === undefined) return void this.#skipped()
    if (this.#match(/:/y)[0] !== undefined) return [key, this.#expression()]
    const isShorthand = plain !== undefined && /[,}]/.test(this.#code[this.#at] ?? '')
    if (isShorthand) return [key, this.#constant(key)]
    this.#skipped()
    // `get url() { … }`, `async connection() { … }`
    return /^(get|set|async)$/.test(key) ? undefined : [key, dynamic]
  }

  #skipped(): Literal {
    const start = this.#at
    this.#at = skipTo(this.#code, this.#at, ',')
    if (this.#at === start) this.#at += 1
    return dynamic
  }

  /** The value of a constant of the same file. */
  #constant(name: string): Literal {
    if (this.#names.includes(name)) return dynamic
    const pattern = new RegExp(
      `(?:^|[\\n;}])\\s*(?:export\\s+)?const\\s+${name.replaceAll('$', '\\$')}\\s*(?=[:=])`,
    )
    const declared = pattern.exec(this.#code)
    if (declared === null) return dynamic
    const equals = skipTo(this.#code, declared.index + declared[0].length, '=;')
    if (this.#code[equals] !== '=' || this.#code[equals + 1] === '>') return dynamic
    return new Reader(this.#code, [...this.#names, name]).read(equals + 1)
  }

  #match(pattern: RegExp): readonly (string | undefined)[] {
    pattern.lastIndex = this.#at
    const match = pattern.exec(this.#code)
    if (match === null) return []
    this.#at = pattern.lastIndex
    return match
  }
}

function unescape(_: string, escaped: string): string {
  if (/^[ux]/i.test(escaped) && escaped.length > 1) return String.fromCharCode(parseInt(escaped.slice(1), 16))
  return { n: '\n', r: '\r', t: '\t', '0': '\0' }[escaped] ?? escaped
}

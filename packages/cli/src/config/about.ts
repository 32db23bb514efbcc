import { z } from 'zod'

/** What is known of a setting besides its type: the source of the help, the documentation and the environment. */
export interface About {
  readonly description: string
  readonly kind: 'text' | 'number' | 'boolean' | 'list' | 'choice' | 'code'
  /** As the packages fill it in; for people where it depends on others. */
  readonly default?: unknown
  readonly choices?: readonly string[]
  /** Never shown. `url`: only its password is hidden. */
  readonly secret?: true | 'url'
  /** The value is read from the file that this setting names. */
  readonly fileOf?: string
}

export const about = z.registry<About>()

/** Fields that end in a message of ours instead of zod's own. */
const must = (be: string) => ({ error: `must be ${be}` })

type Optional<Schema extends z.ZodType> = z.ZodOptional<Schema>

export function text(
  description: string,
  options: Pick<About, 'default' | 'secret' | 'fileOf'> = {},
): Optional<z.ZodString> {
  const schema = z.string(must('text')).min(1, must('text that is not empty')).optional()
  return schema.register(about, { description, kind: 'text', ...options })
}

export function choice<const Choices extends readonly [string, ...string[]]>(
  choices: Choices,
  description: string,
  fallback?: Choices[number],
): Optional<z.ZodEnum<{ [Choice in Choices[number]]: Choice }>> {
  const schema = z.enum(choices, must(`one of ${quoted(choices)}`)).optional()
  return schema.register(about, { description, kind: 'choice', choices, ...defaultOf(fallback) })
}

/** A whole number from `least` on. `unit`: for the message, e.g. `milliseconds`. */
export function count(
  description: string,
  { least, most = Number.MAX_SAFE_INTEGER, unit, default: fallback }: CountOptions,
): Optional<z.ZodNumber> {
  const range = most === Number.MAX_SAFE_INTEGER ? `${least} or more` : `${least} to ${most}`
  const message = must(`a whole number${unit === undefined ? '' : ` of ${unit}`}, ${range}`)
  const schema = z.number(message).int(message).min(least, message).max(most, message).optional()
  return schema.register(about, { description, kind: 'number', ...defaultOf(fallback) })
}

export interface CountOptions {
  readonly least: number
  readonly most?: number
  readonly unit?: string
  readonly default?: unknown
}

export function milliseconds(
  description: string,
  least: number,
  fallback?: number | string,
): Optional<z.ZodNumber> {
  return count(description, { least, unit: 'milliseconds', default: fallback })
}

export function bytes(description: string, fallback: number): Optional<z.ZodNumber> {
  return count(description, { least: 1, unit: 'bytes', default: fallback })
}

export function flag(description: string, fallback?: boolean): Optional<z.ZodBoolean> {
  const schema = z.boolean(must('true or false')).optional()
  return schema.register(about, { description, kind: 'boolean', ...defaultOf(fallback) })
}

/** Texts; in the environment with commas between them. */
export function list<Item extends z.ZodType<string>>(
  item: Item,
  description: string,
  { what, choices }: { readonly what: string; readonly choices?: readonly string[] },
): Optional<z.ZodArray<Item>> {
  const schema = z.array(item, must(what)).min(1, must(what)).optional()
  return schema.register(about, { description, kind: 'list', ...(choices === undefined ? {} : { choices }) })
}

/** An object or function: in a configuration file that is a program, never in JSON or the environment. */
export function code<Value>(
  is: (value: unknown) => boolean,
  description: string,
  options: { readonly what: string; readonly secret?: true },
): Optional<z.ZodCustom<Value, Value>> {
  const { what, ...rest } = options
  return z
    .custom<Value>(is, must(what))
    .optional()
    .register(about, { description, kind: 'code', ...rest })
}

/** A secret, and beside it the setting that names a file with it. */
export function withFile<const Name extends string, Schema extends z.ZodType>(
  name: Name,
  schema: Schema,
): { [Key in Name]: Schema } & { [Key in `${Name}File`]: Optional<z.ZodString> } {
  return {
    [name]: schema,
    [`${name}File`]: text(`File that holds \`${name}\`.`, { fileOf: name }),
  } as { [Key in Name]: Schema } & { [Key in `${Name}File`]: Optional<z.ZodString> }
}

/** A group of settings. */
export function group<Shape extends z.ZodRawShape>(shape: Shape): z.ZodObject<Shape, z.core.$strict> {
  return z.strictObject(shape, {
    error: (issue) => (issue.code === 'unrecognized_keys' ? undefined : 'must be an object'),
  })
}

export function quoted(names: readonly string[]): string {
  return names.map((name) => `'${name}'`).join(', ')
}

function defaultOf(fallback: unknown): { default?: unknown } {
  return fallback === undefined ? {} : { default: fallback }
}

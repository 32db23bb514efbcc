import { z } from 'zod'
import { about, type About } from './about.js'
import { configSchema, outboxSchema } from './schema.js'

/** One value of the configuration. */
export interface Setting extends About {
  /** `kafka.createTopics.partitions` */
  readonly key: string
  readonly path: readonly string[]
  /** `OUTBOXKIT_KAFKA_CREATE_TOPICS_PARTITIONS`; `undefined`: cannot stand in the environment. */
  readonly variable: string | undefined
  /** May differ between several outboxes. */
  readonly perOutbox: boolean
  readonly schema: z.ZodType
}

const prefix = 'OUTBOXKIT_'

/** Every setting, in the order of the documentation. */
export const settings: readonly Setting[] = collect(configSchema, [])
const byKey = new Map(settings.map((setting) => [setting.key, setting]))

export function settingOf(key: string): Setting | undefined {
  return byKey.get(key)
}

/** Names that may stand within a group; `path` without the name of an outbox. */
export function namesWithin(path: readonly string[]): readonly string[] {
  const names = settings
    .filter((setting) => path.every((name, index) => setting.path[index] === name))
    .flatMap((setting) => setting.path.slice(path.length, path.length + 1))
  return [...new Set(path.length === 0 ? [...names, 'outboxes'] : names)]
}

function collect(schema: z.ZodType, path: readonly string[]): Setting[] {
  const inner = schema instanceof z.ZodOptional ? (schema.unwrap() as z.ZodType) : schema
  const groups = inner instanceof z.ZodUnion ? (inner.options as z.ZodType[]) : [inner]
  const known = about.get(schema)
  const own = known === undefined ? [] : [toSetting(path, known, schema)]
  const children = groups.flatMap((member) =>
    member instanceof z.ZodObject
      ? Object.entries(member.shape as Record<string, z.ZodType>).flatMap(([name, child]) =>
          collect(child, [...path, name]),
        )
      : [],
  )
  return [...own, ...children]
}

function toSetting(path: readonly string[], known: About, schema: z.ZodType): Setting {
  return {
    ...known,
    key: path.join('.'),
    path,
    variable: known.kind === 'code' ? undefined : `${prefix}${path.map(toVariable).join('_')}`,
    perOutbox: Object.hasOwn(outboxSchema.shape, path[0] ?? ''),
    schema,
  }
}

/** `createTopics` as a part of a variable's name: `CREATE_TOPICS`. */
export function toVariable(name: string): string {
  return name
    .replace(/([a-z0-9])([A-Z])/g, '$1_$2')
    .replace(/[^A-Za-z0-9]+/g, '_')
    .toUpperCase()
}

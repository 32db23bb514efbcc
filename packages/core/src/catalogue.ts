import { OutboxError } from './errors.js'
import type { AggregateId, OutboxEvent } from './event.js'
import type { SchemaInput, SchemaOutput, StandardIssue, StandardSchema } from './standard-schema.js'

declare const payloadType: unique symbol

/** A payload that has a type and no check at run time. Made by {@link typed}. */
export interface TypedPayload<T> {
  readonly [payloadType]?: T
  readonly kind: 'typed'
}

/** Declares the type of a payload without checking anything at run time. */
export function typed<T>(): TypedPayload<T> {
  return { kind: 'typed' }
}

export type PayloadDefinition = StandardSchema<unknown, unknown> | TypedPayload<unknown>

export interface EventDefinition {
  readonly aggregateType: string
  readonly payload: PayloadDefinition
}

export type EventDefinitions = Readonly<Record<string, EventDefinition>>

/** What an event may carry as JSON. `Date`, `Map`, functions and `bigint` become an error in the type. */
export type JsonCompatible<T> = unknown extends T
  ? T
  : T extends string | number | boolean | null
    ? T
    : T extends undefined
      ? undefined
      : // eslint-disable-next-line @typescript-eslint/no-unsafe-function-type
        T extends
            | bigint
            | symbol
            | Date
            | ReadonlyMap<never, never>
            | ReadonlySet<never>
            | RegExp
            | Uint8Array
            | ((...args: never[]) => unknown)
        ? { readonly 'not JSON': T }
        : T extends object
          ? { [K in keyof T]: JsonCompatible<T[K]> }
          : never

/** The payload as the emitting side writes it: the schema's input. */
export type PayloadInput<D extends EventDefinition> =
  D['payload'] extends TypedPayload<infer T> ? T : SchemaInput<D['payload']>

/** The payload as a consumer gets it: the schema's output. */
export type PayloadOutput<D extends EventDefinition> =
  D['payload'] extends TypedPayload<infer T> ? T : SchemaOutput<D['payload']>

/** An event of a catalogue; its aggregate type comes from there. */
export interface CatalogueEvent<Type extends string, D extends EventDefinition> extends Omit<
  OutboxEvent<Type>,
  'aggregateType' | 'payload' | 'aggregateId'
> {
  readonly aggregateType?: D['aggregateType'] | undefined
  readonly aggregateId: AggregateId
  readonly payload: JsonCompatible<PayloadInput<D>>
}

/** A set of event types, shared by producers and consumers. Made by {@link defineEvents}. */
export interface Catalogue<D extends EventDefinitions = EventDefinitions> {
  readonly definitions: D
  /** Runs the schema of `type` on a received payload and returns its output. */
  parsePayload(type: string, payload: unknown): unknown
}

/** What `emit` accepts: any event without a catalogue, else exactly the events of the catalogue. */
export type EventOf<C> =
  C extends Catalogue<infer D>
    ? { [Type in keyof D & string]: CatalogueEvent<Type, D[Type]> }[keyof D & string]
    : OutboxEvent

/**
 * Defines the events of an application: for each type its aggregate type and its payload, either a Standard
 * Schema (zod, valibot, arktype …; must validate synchronously) or {@link typed}.
 *
 * Throws `OUTBOX_OPTION_INVALID` for a definition without aggregate type or payload.
 */
export function defineEvents<const D extends EventDefinitions>(definitions: D): Catalogue<D> {
  for (const [type, definition] of Object.entries(definitions)) {
    if (typeof definition.aggregateType !== 'string' || definition.aggregateType === '')
      throw new OutboxError('OUTBOX_OPTION_INVALID', `The event '${type}' needs an aggregateType.`)
    if (!isTyped(definition.payload) && typeof definition.payload?.['~standard']?.validate !== 'function')
      throw new OutboxError(
        'OUTBOX_OPTION_INVALID',
        `The payload of the event '${type}' must be a Standard Schema (zod, valibot, arktype …) or typed<T>().`,
      )
  }
  const frozen = Object.freeze({ ...definitions })
  return {
    definitions: frozen,
    parsePayload(type, payload) {
      const definition = definitionOf(frozen, type)
      return isTyped(definition.payload) ? payload : validate(type, definition.payload, payload).value
    },
  }
}

/** The definition of an event type. Throws `OUTBOX_TYPE_UNKNOWN`, naming the types that there are. */
export function definitionOf(definitions: EventDefinitions, type: string): EventDefinition {
  // hasOwn: 'constructor' is no event type
  const definition = Object.hasOwn(definitions, type) ? definitions[type] : undefined
  if (definition !== undefined) return definition
  const known = Object.keys(definitions).slice(0, 20).join(', ')
  throw new OutboxError(
    'OUTBOX_TYPE_UNKNOWN',
    `The event type ${JSON.stringify(type)} is not in the catalogue. It has: ${known}.`,
    {
      details: { type },
    },
  )
}

/** Checks a payload that is about to be emitted. The payload itself is stored, not the schema's output. */
export function checkPayload(definition: EventDefinition, type: string, payload: unknown): void {
  if (!isTyped(definition.payload)) validate(type, definition.payload, payload)
}

function isTyped(payload: PayloadDefinition): payload is TypedPayload<unknown> {
  return (payload as { kind?: unknown } | undefined)?.kind === 'typed' && !('~standard' in payload)
}

function validate(
  type: string,
  schema: StandardSchema<unknown, unknown>,
  payload: unknown,
): { value: unknown } {
  const result = schema['~standard'].validate(payload)
  // Not instanceof: any thenable would look like a result without issues.
  if ('then' in result) {
    Promise.resolve(result).catch(() => {})
    throw new OutboxError(
      'OUTBOX_SCHEMA_ASYNC',
      `The schema of '${type}' validates asynchronously. Use a synchronous schema: waiting here would reorder the events of a transaction.`,
      { details: { type } },
    )
  }
  if (result.issues === undefined) return result
  throw new OutboxError(
    'OUTBOX_SCHEMA_MISMATCH',
    `The payload of '${type}' does not fit its schema: ${issueText(result.issues)}.`,
    {
      details: { type, issues: result.issues },
    },
  )
}

function issueText(issues: readonly StandardIssue[]): string {
  return issues
    .slice(0, 5)
    .map((issue) => {
      const path = (issue.path ?? [])
        .map((part) => String(typeof part === 'object' ? part.key : part))
        .join('.')
      return path === '' ? issue.message : `${path}: ${issue.message}`
    })
    .join('; ')
}

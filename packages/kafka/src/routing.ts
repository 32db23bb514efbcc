import { OutboxError, type StoredEvent } from '@outboxkit/core'

/** Names a topic for an event; `undefined`: the template decides. */
export type Route = (event: StoredEvent) => string | undefined

export interface RoutingOptions {
  readonly topic?: string | undefined
  readonly route?: Route | undefined
}

export interface Router {
  /** Throws `OUTBOX_PUBLISH_REJECTED` for a name that Kafka does not allow, or when `route` throws. */
  topicOf(event: StoredEvent): string
  /** Topics that are certain before the first event. */
  readonly knownTopics: readonly string[]
}

export const defaultTopic = 'outbox.event.{aggregateType}'

const placeholders: Readonly<Record<string, (event: StoredEvent) => string>> = {
  '{aggregateType}': (event) => event.aggregateType,
  '{type}': (event) => event.type,
}
const placeholder = /\{[^{}]*\}/g
const legalName = /^[a-zA-Z0-9._-]{1,249}$/

/** In order: the row's own topic, `route`, the template. Throws `OUTBOX_OPTION_INVALID` for a bad template. */
export function createRouter(options: RoutingOptions): Router {
  const template = options.topic ?? defaultTopic
  const { route } = options
  const used = typeof template === 'string' ? (template.match(placeholder) ?? []) : []
  const unknown = used.find((name) => !Object.hasOwn(placeholders, name))
  const sample = typeof template === 'string' ? template.replaceAll(placeholder, 'x') : ''
  if (unknown !== undefined || !isLegalTopic(sample))
    throw new OutboxError(
      'OUTBOX_OPTION_INVALID',
      `topic must be a topic name in which {aggregateType} and {type} may stand, got ${JSON.stringify(template)}.`,
    )
  return {
    knownTopics: used.length === 0 && route === undefined ? [template] : [],
    topicOf(event) {
      const topic = event.topic ?? routed(route, event) ?? filled(template, event)
      if (!isLegalTopic(topic))
        throw new OutboxError(
          'OUTBOX_PUBLISH_REJECTED',
          `${JSON.stringify(String(topic).slice(0, 300))} is no legal topic name: 1 to 249 of a-z, A-Z, 0-9, '.', '_' and '-'.`,
          { details: { position: event.position, topic: String(topic).slice(0, 300) } },
        )
      return topic
    },
  }
}

export function isLegalTopic(topic: unknown): topic is string {
  return typeof topic === 'string' && legalName.test(topic) && topic !== '.' && topic !== '..'
}

function routed(route: Route | undefined, event: StoredEvent): string | undefined {
  try {
    return route?.(event)
  } catch (error) {
    throw new OutboxError(
      'OUTBOX_PUBLISH_REJECTED',
      `The route function threw for the event at position ${event.position}: ${error instanceof Error ? error.message : String(error)}`,
      { details: { position: event.position }, cause: error },
    )
  }
}

function filled(template: string, event: StoredEvent): string {
  return template.replaceAll(placeholder, (name) => placeholders[name]?.(event) ?? name)
}

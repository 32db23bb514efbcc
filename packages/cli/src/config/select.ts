import { OutboxError } from '@outboxkit/core'
import { configurationError } from './problems.js'
import type { ResolvedConfig, ResolvedOutbox } from './resolved.js'

/** All outboxes, or the one that is called `name`. Throws `OUTBOX_CONFIG_INVALID` when there is none. */
export function selectOutboxes(config: ResolvedConfig, name: string | undefined): readonly ResolvedOutbox[] {
  if (name === undefined) return config.outboxes
  const found = config.outboxes.filter((outbox) => outbox.name === name)
  if (found.length > 0) return found
  throw new OutboxError(
    'OUTBOX_CONFIG_INVALID',
    `There is no outbox '${name}'. The configuration has: ${config.outboxes.map((outbox) => outbox.name).join(', ')}.`,
  )
}

/** For commands that publish, before they reach for anything. Throws `OUTBOX_CONFIG_INVALID`. */
export function requirePublishers(outboxes: readonly ResolvedOutbox[]): void {
  const problems = outboxes.flatMap(({ unpublishable }) => unpublishable ?? [])
  if (problems.length > 0) throw configurationError(problems)
}

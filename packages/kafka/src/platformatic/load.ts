import { OutboxError } from '@outboxkit/core'
import type * as platformatic from '@platformatic/kafka'

export type Module = typeof platformatic

/** The oldest Node.js that `@platformatic/kafka` 2.x runs on. */
const oldestNode = [22, 22] as const

/** Throws `OUTBOX_DRIVER_UNSUPPORTED` when this Node.js is too old. `version`: as in `process.versions.node`. */
export function checkNode(version: string): void {
  const [major = 0, minor = 0] = version.split('.').map(Number)
  if (major > oldestNode[0] || (major === oldestNode[0] && minor >= oldestNode[1])) return
  throw new OutboxError(
    'OUTBOX_DRIVER_UNSUPPORTED',
    `The driver platformatic() needs Node.js ${oldestNode.join('.')} or newer; this is ${version}. On older versions use kafkajs() of '@outboxkit/kafka/kafkajs'.`,
    { details: { node: version } },
  )
}

/** Loads @platformatic/kafka. Throws `OUTBOX_DRIVER_UNSUPPORTED` when it is not installed. */
export async function loadPlatformatic(): Promise<Module> {
  try {
    const module = await import('@platformatic/kafka')
    // In 1.x, idempotent sends could get lost; and its inner parts are others.
    if (typeof module.produceV11?.api !== 'function')
      throw new TypeError('the module @platformatic/kafka has no export produceV11')
    return module
  } catch (error) {
    throw new OutboxError(
      'OUTBOX_DRIVER_UNSUPPORTED',
      'The driver platformatic() needs the package @platformatic/kafka 2.12 or newer: npm install @platformatic/kafka',
      { cause: error },
    )
  }
}

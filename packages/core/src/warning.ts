/** Codes of the process warnings of all packages; docs/errors.md explains each. */
export const warningCodes = [
  'OUTBOX_AFTER_COMMIT',
  'OUTBOX_CONFIG',
  'OUTBOX_SOURCE',
  'OUTBOX_TOPIC',
  'OUTBOX_TRACING',
] as const

export type OutboxWarningCode = (typeof warningCodes)[number]

/** A process warning with the name `OutboxWarning`, which `--disable-warning=OutboxWarning` silences. */
export function processWarning(code: OutboxWarningCode, message: string): void {
  process.emitWarning(message, { type: 'OutboxWarning', code })
}

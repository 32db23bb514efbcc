/**
 * Every code an {@link OutboxError} can have. Codes are part of the public contract: they are never renamed
 * within a major version. docs/errors.md explains each one and what to do about it.
 */
export const errorCodes = [
  // emit()
  'OUTBOX_NO_TRANSACTION',
  'OUTBOX_TRANSACTION_ENDED',
  'OUTBOX_TRANSACTION_ABORTED',
  'OUTBOX_NESTED_OPEN',
  'OUTBOX_EVENT_INVALID',
  'OUTBOX_PAYLOAD_INVALID',
  'OUTBOX_PAYLOAD_TOO_LARGE',
  'OUTBOX_TYPE_UNKNOWN',
  'OUTBOX_SCHEMA_MISMATCH',
  'OUTBOX_SCHEMA_ASYNC',
  'OUTBOX_DUPLICATE_ID',
  'OUTBOX_HANDLE_UNSUPPORTED',
  'OUTBOX_INSERT_FAILED',
  // configuration
  'OUTBOX_OPTION_INVALID',
  // messages
  'OUTBOX_ROW_UNDECODABLE',
  'OUTBOX_MESSAGE_UNPARSABLE',
  // relay
  'OUTBOX_SOURCE_UNSUPPORTED',
  'OUTBOX_SOURCE_FAILED',
  'OUTBOX_LEASE_LOST',
  'OUTBOX_RELAY_STATE',
  'OUTBOX_RELAY_HALTED',
  // publisher
  'OUTBOX_PUBLISH_RETRY',
  'OUTBOX_PUBLISH_REJECTED',
  'OUTBOX_DRIVER_UNSUPPORTED',
  // command and migrations
  'OUTBOX_CONFIG_INVALID',
  'OUTBOX_DATABASE_FAILED',
  'OUTBOX_SCHEMA_VERSION',
  'OUTBOX_PRIVILEGE_MISSING',
  'OUTBOX_MIGRATION_FAILED',
] as const

/** The closed union of error codes. */
export type OutboxErrorCode = (typeof errorCodes)[number]

const mark = Symbol.for('outboxkit.error')

export interface OutboxErrorOptions {
  /** Structured facts for programs: sizes, paths, schema issues. Never a secret. */
  readonly details?: Readonly<Record<string, unknown>>
  readonly cause?: unknown
}

/**
 * The one error class of Outboxkit. `code` is stable; the message says what is wrong, where, and what to do.
 *
 * An application may load the ESM and the CommonJS build side by side, which makes two classes: recognise
 * errors with {@link isOutboxError} or by `code`, not with `instanceof`.
 */
export class OutboxError extends Error {
  override readonly name = 'OutboxError'
  readonly code: OutboxErrorCode
  readonly details: Readonly<Record<string, unknown>>

  constructor(code: OutboxErrorCode, message: string, options: OutboxErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.code = code
    this.details = options.details ?? {}
    Object.defineProperty(this, mark, { value: true })
  }
}

/** True for an {@link OutboxError} of any loaded copy of Outboxkit; with `code`, only for that one. */
export function isOutboxError(error: unknown, code?: OutboxErrorCode): error is OutboxError {
  if (typeof error !== 'object' || error === null || !(mark in error)) return false
  return code === undefined || (error as { code?: unknown }).code === code
}

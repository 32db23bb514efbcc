import type { ConnectionOptions as TlsOptions } from 'node:tls'
import { OutboxError } from '@outboxkit/core'

/** User name and password, in the words of kafkajs. */
export interface SaslOptions {
  readonly mechanism: 'plain' | 'scram-sha-256' | 'scram-sha-512'
  readonly username: string
  readonly password: string
}

/** What every driver takes: with these options alone, the driver can be changed by changing its name. */
export interface ConnectionOptions {
  /** `host:port` of some brokers; they name the others. */
  readonly brokers: readonly string[]
  /** Default `outboxkit`. */
  readonly clientId?: string
}

/** Options of `tls.connect`; `true`: the defaults. */
export type SslOptions = boolean | TlsOptions

/** Throws `OUTBOX_OPTION_INVALID`. `factory`: the function that got them. */
export function checkBrokers(factory: string, brokers: unknown): void {
  if (Array.isArray(brokers) && brokers.length > 0 && brokers.every(isAddress)) return
  throw new OutboxError('OUTBOX_OPTION_INVALID', `${factory}(): brokers must be a list of 'host:port'.`)
}

/** Throws `OUTBOX_OPTION_INVALID` for a mechanism that is not one of `known`. The message shows no credentials. */
export function checkMechanism(factory: string, sasl: unknown, known: readonly string[]): void {
  if (sasl === undefined) return
  const { mechanism } = (sasl ?? {}) as { mechanism?: unknown }
  if (typeof mechanism === 'string' && known.includes(mechanism)) return
  throw new OutboxError(
    'OUTBOX_OPTION_INVALID',
    `${factory}(): sasl.mechanism must be one of ${known.map((name) => `'${name}'`).join(', ')}.`,
  )
}

function isAddress(value: unknown): boolean {
  return typeof value === 'string' && /^[^\s]+:\d+$/.test(value)
}

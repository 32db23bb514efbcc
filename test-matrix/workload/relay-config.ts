import type { FaultPoint } from '@outboxkit/relay'

/** What a relay process is told. */
export interface RelayConfig {
  readonly databaseUrl: string
  readonly schema: string
  readonly brokers: readonly string[]
  /** Topic template. */
  readonly topic: string
  /** `ce_source`. */
  readonly source: string
  readonly termMs: number
  /** kill -9 of itself at the given occurrence of a point, counted from 1, and this long after it was reached. */
  readonly dieAt?: { readonly point: FaultPoint; readonly occurrence: number; readonly delayMs?: number }
  readonly maxBatchEvents?: number
  /** Default `delete`. */
  readonly cleanup?: 'delete' | 'archive'
  /** Default kafkajs. */
  readonly driver?: RelayDriver
  /** The `node` that runs it; default: the one that runs the tests. */
  readonly node?: string
  /** A wrong relay, planted to see it found. */
  readonly planted?: PlantedFault
}

/** The Kafka client behind the publisher. */
export type RelayDriver = 'kafkajs' | 'platformatic' | 'confluent'

/**
 * - `plain-cursor`: reads above the highest position only.
 * - `aged-holes`: gives a position up once it has been missing for 2 s.
 * - `early-mark`: counts an event as published before the broker has acknowledged it.
 * - `failed-send`: counts an event as published although sending it failed.
 * - `reordered`: sends two events of a key in the wrong order.
 */
export type PlantedFault = 'plain-cursor' | 'aged-holes' | 'early-mark' | 'failed-send' | 'reordered'

/** What a relay process says. */
export type RelayState =
  | { readonly state: 'started' | 'standby' }
  | { readonly state: 'owner'; readonly epoch: number }
  | { readonly state: 'published'; readonly total: number }
  | { readonly state: 'dying'; readonly point: FaultPoint }
  | { readonly state: 'held'; readonly reason: string }
  | { readonly state: 'late'; readonly count: number }
  | { readonly state: 'fault'; readonly phase: string; readonly message: string }
  | { readonly state: 'stopped'; readonly error?: string }

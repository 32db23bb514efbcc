import type { Dialect, OptionalPart, OutboxTable, PartitionedTable, StoredEvent } from '@outboxkit/core'
import type { Publisher, RelayOptions, Source } from '@outboxkit/relay'
import type { Problem } from './problems.js'

/** How to reach a database: a URL, or what the driver's own constructor takes. Never printed. */
export interface DatabaseSettings {
  readonly dialect: Dialect
  readonly url?: string | undefined
  /** `new Client()` of `pg`, or `createConnection()` of `mysql2`. */
  readonly config?: Readonly<Record<string, unknown>> | undefined
}

/** What of Kafka is known as data, for whoever only looks at the cluster. `undefined`: the publisher is not Kafka. */
export interface KafkaSettings {
  readonly brokers: readonly string[]
  /** kafkajs' configuration, brokers, TLS and SASL included. Never printed. */
  readonly client: Readonly<Record<string, unknown>>
  /** The template or function of the publisher, asked for one event. */
  readonly topicOf: (event: StoredEvent) => string | null
  readonly topicTemplate: string
  readonly maxRequestBytes: number
  /** The relay creates missing topics. */
  readonly createsTopics?: boolean | undefined
}

export interface CreateSourceOptions {
  readonly onWarning?: ((message: string) => void) | undefined
  /** `false`: what leaves is deleted, also where the configuration keeps published events. */
  readonly archives?: false | undefined
}

/** One outbox table and where its events go. */
export interface ResolvedOutbox {
  /** `default` when the configuration has only one. */
  readonly name: string
  readonly database: DatabaseSettings
  readonly table: OutboxTable
  /** Bytes that `emit` of the application allows, as far as the configuration says. */
  readonly maxPayloadBytes: number
  readonly relay: Omit<RelayOptions, 'source' | 'publisher' | 'signal'>
  readonly kafka: KafkaSettings | undefined
  /**
   * Made anew at each call. Where the configuration file gave an instance, it is that one; with `archives: false` one
   * of our own for the same tables, if they are known. Throws `OUTBOX_OPTION_INVALID`.
   */
  createSource(options?: CreateSourceOptions): Source
  /** Why `createPublisher` would throw `OUTBOX_CONFIG_INVALID`: nothing says where to. */
  readonly unpublishable?: Problem | undefined
  createPublisher(options?: { readonly onWarning?: (message: string) => void }): Publisher
}

/** Which ORM's migrations are written. */
export type MigrationTool = 'prisma' | 'drizzle' | 'knex' | 'sql'

/** Where a value came from, for `outboxkit config`. */
export type ValueOrigin = 'default' | 'file' | 'environment' | 'secret file' | 'flag'

export interface EffectiveValue {
  /** Dotted path in the configuration. */
  readonly key: string
  /** Secrets are replaced. */
  readonly value: unknown
  readonly origin: ValueOrigin
  /** The environment variable, or the file. */
  readonly from?: string | undefined
}

export interface ResolvedConfig {
  /** The file, if there is one. Absolute. */
  readonly file: string | undefined
  /** The folder of the file, else the working directory: where relative paths start. */
  readonly folder: string
  readonly outboxes: readonly ResolvedOutbox[]
  readonly migrations: {
    readonly tool: MigrationTool | undefined
    /** Folder (or, for Prisma, the schema file or folder), relative to the configuration. */
    readonly out: string | undefined
    readonly schema: string | undefined
    /** What there is besides the base schema. */
    readonly with: readonly OptionalPart[] | undefined
    readonly only: 'inbox' | undefined
    readonly idType: 'uuid' | 'text' | undefined
    readonly partitioned: readonly PartitionedTable[] | undefined
  }
  readonly http: { readonly host: string; readonly port: number | undefined }
  readonly log: {
    readonly level: 'debug' | 'info' | 'warn' | 'error' | 'silent'
    readonly format: 'json' | 'pretty' | 'auto'
  }
  readonly values: readonly EffectiveValue[]
}

import { z } from 'zod'
import type { Publisher, Source } from '@outboxkit/relay'
import {
  bytes,
  choice,
  code,
  count,
  flag,
  group,
  list,
  milliseconds,
  quoted,
  text,
  withFile,
} from './about.js'
import { kafka } from './schema-kafka.js'
import { has, isObject } from './shape.js'

// The one description of the configuration: its types, what is checked, the names in the environment, the help and the
// table in docs/configuration.md are all made from it. Defaults are filled in by the packages that use them; those here are
// for people, and a test compares them.

const database = group({
  ...withFile(
    'url',
    text('`postgres://user:password@host:5432/database` or `mysql://user:password@host:3306/database`.', {
      secret: 'url',
    }),
  ),
  dialect: choice(['postgres', 'mysql'], 'Only where no URL says it. MariaDB is `mysql`.'),
  config: code<object>(
    isObject,
    "In the place of the URL: what the driver's own constructor takes (`pg`, `mysql2`).",
    {
      what: 'an object, as the database driver takes it',
      secret: true,
    },
  ),
  connectTimeoutMs: milliseconds('How long a connection may take to come about.', 1, 10_000),
  statementTimeoutMs: milliseconds('The longest that a statement of the relay may take.', 1, 30_000),
})

const table = group({
  name: text('The outbox table; the others are called `<name>_lease`, `<name>_held` …', {
    default: 'outbox',
  }),
  schema: text("The table's schema (PostgreSQL) or database (MySQL). Default: the connection's."),
  payload: choice(['json', 'bytes'], 'How payloads are stored.', 'json'),
  uniqueId: flag('The table has a unique index on the event id.', false),
})

const bounds = (what: string, minMs: number, maxMs: number) =>
  group({
    minMs: milliseconds(`${what}: the first.`, 1, minMs),
    maxMs: milliseconds(`${what}: the longest.`, 1, maxMs),
  })

/** What each of several outboxes may have differently. */
const outbox = {
  database: database.optional(),
  table: table.optional(),
  kafka: kafka.optional(),
  source: code<Source>(
    (value) => has(value, 'read'),
    'In the place of `database`: `postgresSource({ … })`.',
    {
      what: 'a source, e.g. postgresSource({ url })',
    },
  ),
  publisher: code<Publisher>(
    (value) => has(value, 'publish'),
    'In the place of `kafka`: `kafkaPublisher({ … })`.',
    {
      what: 'a publisher, e.g. kafkaPublisher({ driver })',
    },
  ),
  lease: group({
    termMs: milliseconds('How long a relay that has vanished keeps others out.', 100, 15_000),
  }).optional(),
  poll: bounds('Waits between polls that find nothing', 2, 250).optional(),
  idle: group({
    sleepAfterMs: milliseconds('The relay falls asleep after this long without an event. Default: never.', 1),
    wakeEveryMs: milliseconds('How often it wakes up to look.', 1, 300_000),
  }).optional(),
  retry: bounds('Back-off of what is tried again', 100, 10_000).optional(),
  onPoison: choice(
    ['park-key', 'skip', 'halt'],
    'What happens to an event that can never be published.',
    'park-key',
  ),
  holdAfterMs: milliseconds(
    'How long a topic may fail while others succeed before its events are held.',
    0,
    10_000,
  ),
  maxInFlightBytes: bytes('Reading pauses while this much is read and not settled.', 33_554_432),
  maxInFlightEvents: count('The same in events.', { least: 1, default: 10_000 }),
  publishTimeoutMs: milliseconds(
    'A publish call is aborted after this.',
    1,
    '10000, or two thirds of `lease.termMs` if that is less',
  ),
  stopTimeoutMs: milliseconds('How long stopping waits for what is in flight.', 0, 10_000),
  tracing: flag('A span per publish call, where OpenTelemetry is registered.', true),
  maxBatchEvents: count('Most events in a batch.', { least: 1, default: 1_000 }),
  maxBatchBytes: bytes('A batch ends with the event that reaches this.', 1_048_576),
  noteIntervalMs: milliseconds('How often, at most, open holes are noted.', 0, 100),
  sweep: group({
    intervalMs: milliseconds('How often the table is looked through for rows that were missed.', 0, 600_000),
  }).optional(),
  cleanup: choice(
    ['delete', 'archive'],
    'What happens to published rows: `archive` moves them to the table `<name>_archive`.',
    'delete',
  ),
  retentionMs: milliseconds('With `archive`: archived rows are deleted after this long. Default: never.', 1),
  maxPayloadBytes: bytes(
    'What `emit` of the application allows, if it is not the default; for `doctor`.',
    900_000,
  ),
}

const parts = ['archive', 'inbox', 'deliver-at'] as const
const partitioned = ['outbox', 'archive'] as const

/** Once for the whole program. */
const shared = {
  http: group({
    host: text('Where the worker listens.', { default: '127.0.0.1' }),
    port: count('Port of `/livez`, `/readyz` and `/metrics`. Default: the worker does not listen.', {
      least: 0,
      most: 65_535,
    }),
  }).optional(),
  log: group({
    level: choice(['debug', 'info', 'warn', 'error', 'silent'], 'What the worker logs.', 'info'),
    format: choice(['auto', 'json', 'pretty'], 'How: `auto` is `pretty` on a terminal, else `json`.', 'auto'),
  }).optional(),
  migrations: group({
    tool: choice(
      ['prisma', 'drizzle', 'knex', 'sql'],
      'Whose migrations are written. Default: what the project uses.',
    ),
    out: text("Where they are written, from this file on. Default: the tool's usual folder."),
    schema: text("Prisma's schema, or Drizzle's file of tables, from this file on."),
    with: list(
      z.enum(parts, { error: `must be one of ${quoted(parts)}` }),
      'What there is besides the base schema.',
      {
        what: `a list of ${quoted(parts)}`,
        choices: parts,
      },
    ),
    only: choice(['inbox'], 'That table alone, for the database of a consumer.'),
    idType: choice(['uuid', 'text'], 'Type of the event id.', 'uuid'),
    partitioned: list(
      z.enum(partitioned, { error: `must be one of ${quoted(partitioned)}` }),
      'PostgreSQL: which tables are partitioned. Default: the archive.',
      { what: `a list of ${quoted(partitioned)}`, choices: partitioned },
    ),
  }).optional(),
}

export const outboxSchema = group(outbox)

export const configSchema = group({
  ...outbox,
  ...shared,
  /** Several outboxes by name; what stands outside is the same for all. */
  outboxes: z.record(z.string(), outboxSchema, { error: 'must be an object: outboxes by name' }).optional(),
})

/** What stands in `outbox.config.*`. */
export type Config = z.input<typeof configSchema>

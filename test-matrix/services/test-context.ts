import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { Kafka, logLevel } from 'kafkajs'
import type { Admin } from 'kafkajs'
import { createConnection, createPool } from 'mysql2/promise'
import type { Pool, RowDataPacket } from 'mysql2/promise'
import pg from 'pg'

export { readTopic } from './kafka-reader.js'
export type { ReadTopicOptions, TopicRecord } from './kafka-reader.js'

/** A name that no other test has, now or in an earlier run against the same server. */
export function uniqueName(prefix: string): string {
  return `${prefix}_${Date.now().toString(36)}${randomBytes(4).toString('hex')}`
}

export interface FreshSchema extends AsyncDisposable {
  readonly schema: string
  /** The server's URL with this schema as the only one in the search path. */
  readonly url: string
  /** Connections with that search path, for the test's own statements. */
  readonly pool: pg.Pool
  query<Row extends pg.QueryResultRow>(text: string, values?: unknown[]): Promise<Row[]>
  /** Ends the pool and drops the schema with everything in it. */
  drop(): Promise<void>
}

/** A schema of the test's own on the shared server. */
export async function freshSchema(serverUrl: string, prefix = 'test'): Promise<FreshSchema> {
  const schema = uniqueName(prefix).toLowerCase()
  const url = new URL(serverUrl)
  url.searchParams.set('options', `-c search_path=${schema}`)
  const pool = new pg.Pool({ connectionString: url.href, max: 5 })
  // A test that ends the server ends idle connections too; without a listener that would end the test run.
  pool.on('error', () => undefined)
  await pool.query(`create schema ${schema}`)
  const drop = async (): Promise<void> => {
    await pool.query(`drop schema if exists ${schema} cascade`)
    await pool.end()
  }
  return {
    schema,
    url: url.href,
    pool,
    query: async <Row extends pg.QueryResultRow>(text: string, values?: unknown[]) =>
      (await pool.query<Row>(text, values)).rows,
    drop,
    [Symbol.asyncDispose]: drop,
  }
}

export interface FreshDatabase extends AsyncDisposable {
  readonly database: string
  /** The server's URL with this database. */
  readonly url: string
  /** Connections to it, for the test's own statements; times are UTC, integers too large for a number are text. */
  readonly pool: Pool
  query<Row extends object = Record<string, unknown>>(text: string, values?: unknown[]): Promise<Row[]>
  /** Ends the pool and drops the database with everything in it. */
  drop(): Promise<void>
}

/** A database of the test's own on the shared MySQL or MariaDB server. */
export async function freshDatabase(serverUrl: string, prefix = 'test'): Promise<FreshDatabase> {
  const database = uniqueName(prefix).toLowerCase()
  const url = new URL(serverUrl)
  url.pathname = database
  const pool = createPool({
    uri: url.href,
    connectionLimit: 5,
    timezone: 'Z',
    supportBigNumbers: true,
  })
  await withServer(serverUrl, `create database ${database} character set utf8mb4`)
  const drop = async (): Promise<void> => {
    await pool.end()
    await withServer(serverUrl, `drop database if exists ${database}`)
  }
  return {
    database,
    url: url.href,
    pool,
    query: async <Row extends object>(text: string, values?: unknown[]) =>
      (await pool.query<RowDataPacket[]>(text, values))[0] as unknown as Row[],
    drop,
    [Symbol.asyncDispose]: drop,
  }
}

async function withServer(url: string, statement: string): Promise<void> {
  const connection = await createConnection(url)
  try {
    await connection.query(statement)
  } finally {
    await connection.end()
  }
}

export const uniqueTopic = (prefix = 'test'): string => uniqueName(prefix)

export interface TopicOptions {
  readonly partitions?: number
  readonly replicas?: number
  readonly config?: Readonly<Record<string, string>>
}

/** Creates a topic and waits until its partitions have leaders; returns its name. */
export async function createTopic(
  brokers: string,
  name: string,
  options: TopicOptions = {},
): Promise<string> {
  const { partitions = 1, replicas = -1, config = {} } = options
  const configEntries = Object.entries(config).map(([key, value]) => ({ name: key, value }))
  await withAdmin(brokers, async (admin) => {
    await admin.createTopics({
      // kafkajs's own wait fails when a broker has not heard of the topic yet.
      waitForLeaders: false,
      topics: [{ topic: name, numPartitions: partitions, replicationFactor: replicas, configEntries }],
    })
    await untilLed(admin, name, partitions)
  })
  return name
}

async function untilLed(admin: Admin, topic: string, partitions: number): Promise<void> {
  for (const deadline = performance.now() + 30_000; ;) {
    try {
      const { topics } = await admin.fetchTopicMetadata({ topics: [topic] })
      const led = topics[0]?.partitions.filter(({ leader }) => leader >= 0).length ?? 0
      if (led >= partitions) {
        // A leader that is named may not know it yet; it does when it tells its offsets.
        await admin.fetchTopicOffsets(topic)
        return
      }
    } catch (error) {
      if (performance.now() > deadline) throw error
    }
    if (performance.now() > deadline) throw new Error(`the topic ${topic} has no leaders`)
    await sleep(20)
  }
}

/** kafkajs's admin client, for the length of `work`. */
export async function withAdmin<T>(brokers: string, work: (admin: Admin) => Promise<T>): Promise<T> {
  const kafka = new Kafka({
    clientId: 'outboxkit-tests',
    brokers: brokers.split(','),
    logLevel: logLevel.NOTHING,
    retry: { initialRetryTime: 50, retries: 10 },
  })
  const admin = kafka.admin()
  await admin.connect()
  try {
    return await work(admin)
  } finally {
    await admin.disconnect()
  }
}

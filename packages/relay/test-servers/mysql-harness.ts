import {
  dropTablesSql,
  qualifiedName,
  resolveTable,
  schemaSql,
  type OptionalPart,
  type TableOptions,
} from '@outboxkit/core'
import type { LeaseHarness, OutboxWriter, RowInput, SourceHarness } from '@outboxkit/testing/conformance'
import mysql, { type Connection, type ResultSetHeader } from 'mysql2/promise'
import { randomUUID } from 'node:crypto'
import { mysqlSource, type MysqlSource, type MysqlSourceOptions } from '../src/mysql/index.js'

/** Tables in a database of their own, and plain connections to look at them from outside. */
export class Tables {
  readonly database = `source_${randomUUID().slice(0, 8)}`
  /** The server's address, with this database. */
  readonly url: string
  readonly options: TableOptions
  readonly outbox: string
  readonly lease: string
  readonly held: string
  readonly archive: string
  readonly #parts: readonly OptionalPart[]
  readonly #serverUrl: string
  readonly #connections: Connection[] = []
  readonly #closers: (() => Promise<void>)[] = []
  #plain: Promise<Connection> | undefined

  constructor(
    serverUrl: string,
    options: TableOptions,
    isElsewhere: boolean,
    parts: readonly OptionalPart[] = [],
  ) {
    this.#parts = parts
    this.#serverUrl = serverUrl
    this.url = isElsewhere ? serverUrl : `${serverUrl.replace(/\/[^/]*$/, '')}/${this.database}`
    this.options = { ...(isElsewhere ? { schema: this.database } : {}), ...options }
    const table = resolveTable({ ...this.options, schema: this.database })
    this.outbox = qualifiedName(table, 'mysql')
    this.lease = qualifiedName(table, 'mysql', 'lease')
    this.held = qualifiedName(table, 'mysql', 'held')
    this.archive = qualifiedName(table, 'mysql', 'archive')
  }

  /** `isElsewhere`: the connections' own database is another one. */
  static async create(
    serverUrl: string,
    options: TableOptions = {},
    isElsewhere = false,
    parts: readonly OptionalPart[] = [],
  ): Promise<Tables> {
    const tables = new Tables(serverUrl, options, isElsewhere, parts)
    await tables.query(`create database ${tables.database}`)
    await tables.query(`create table ${tables.database}.locks (name varchar(50) primary key)`)
    await tables.createTables()
    return tables
  }

  async connect(): Promise<Connection> {
    const connection = await mysql.createConnection({
      uri: this.#serverUrl,
      timezone: 'Z',
      supportBigNumbers: true,
    })
    // a test that ends connections ends these as well
    connection.on('error', () => undefined)
    this.#connections.push(connection)
    return connection
  }

  async query<Row extends object>(text: string, values: unknown[] = []): Promise<Row[]> {
    const plain = await (this.#plain ??= this.connect())
    return (await plain.query(text, values))[0] as Row[]
  }

  async createTables(): Promise<void> {
    const options = { ...this.options, schema: this.database, with: this.#parts }
    for (const statement of schemaSql('mysql', options)) await this.query(statement)
  }

  async dropTables(): Promise<void> {
    const options = { ...this.options, schema: this.database }
    for (const statement of dropTablesSql('mysql', options)) await this.query(statement)
    await this.query(`drop table if exists ${this.archive}`)
  }

  source(options: Partial<MysqlSourceOptions> = {}): MysqlSource {
    const given = options.config ?? options.pool ?? options.url
    const source = mysqlSource({
      ...(given === undefined ? { url: this.url } : {}),
      table: this.options,
      // the servers of the tests do not sync to the disk
      onWarning: () => undefined,
      ...options,
    })
    this.#closers.push(async () => {
      await source.leases.close()
      await source.close()
    })
    return source
  }

  /** Run before the tables are dropped, the last one first. */
  onDispose(closer: () => Promise<void>): void {
    this.#closers.push(closer)
  }

  async positions(): Promise<number[]> {
    const rows = await this.query<{ position: number }>(
      `select position from ${this.outbox} order by position`,
    )
    return rows.map(({ position }) => position)
  }

  async writer(): Promise<OutboxWriter & { readonly connection: Connection }> {
    const connection = await this.connect()
    const run = async (text: string): Promise<void> => {
      await connection.query(text)
    }
    return {
      connection,
      begin: () => run('start transaction'),
      commit: () => run('commit'),
      rollback: () => run('rollback'),
      insert: async (row) => {
        const [result] = await connection.query<ResultSetHeader>(this.insertSql(), insertValues(row))
        return result.insertId
      },
      lock: async (name) => {
        // committed by another connection, so that the row is there whoever rolls back
        await this.query(`insert ignore into ${this.database}.locks values (?)`, [name])
        await connection.query(`select name from ${this.database}.locks where name = ? for update`, [name])
      },
      takeLease: async (owner) => {
        await connection.query(`update ${this.lease} set owner = ?, epoch = epoch + 1, renewals = 0`, [owner])
      },
    }
  }

  insertSql(): string {
    return `insert into ${this.outbox} (id, aggregatetype, aggregateid, type, payload, headers, topic)
      values (uuid(), 'order', ?, ?, ?, ?, ?)`
  }

  async dispose(): Promise<void> {
    for (const close of this.#closers.toReversed()) await close()
    // what a failed test has left open would keep its locks
    for (const connection of this.#connections) connection.destroy()
    this.#plain = undefined
    await this.query(`drop database ${this.database}`)
    for (const connection of this.#connections) connection.destroy()
  }
}

export function insertValues(row: RowInput = {}): (string | null)[] {
  const { key = '1', type = 'order.placed', payload = '{"n":1}', headers = null, topic = null } = row
  return [key, type, payload, headers, topic]
}

/** The conformance suite's view of MySQL and MariaDB. */
export function mysqlHarness(
  name: string,
  url: () => string,
  options: Partial<MysqlSourceOptions> = {},
): SourceHarness {
  return {
    name,
    async open({ elsewhere, archive }) {
      const table = elsewhere ? { name: 'out`box; "drop' } : {}
      const tables = await Tables.create(url(), table, elsewhere, archive ? ['archive'] : [])
      const sources = new Set<MysqlSource>()
      return {
        source({ maxBatchEvents, maxBatchBytes, noteIntervalMs, onWarning, ...rest } = {}) {
          const { cleanup, retentionMs } = rest
          const { sweepIntervalMs, unsafeRule, ageMs } = rest
          const source = tables.source({
            ...options,
            maxBatchEvents,
            maxBatchBytes,
            noteIntervalMs,
            cleanup,
            retentionMs,
            ...(onWarning === undefined ? {} : { onWarning }),
            sweep: { intervalMs: sweepIntervalMs },
            // 0: with every read, whatever it costs
            internal: {
              ...options.internal,
              unsafeRule,
              ageMs,
              sweepShare: sweepIntervalMs === 0 ? 0 : undefined,
            },
          })
          sources.add(source)
          return source
        },
        openHoles: (source) => [...sources].find((other) => other === source)?.stats?.holes ?? NaN,
        writer: () => tables.writer(),
        positions: () => tables.positions(),
        async held() {
          const rows = await tables.query<{ [column: string]: string }>(
            `select position, scope_kind as scopeKind, scope, code, reason, attempts, payload, request
            from ${tables.held} order by position`,
          )
          return rows as never
        },
        async archive() {
          const moment = (column: string) => `date_format(${column}, '%Y-%m-%dT%H:%i:%s.%fZ')`
          const rows = await tables.query<{ [column: string]: string }>(
            `select position, id, aggregateid as aggregateId, type, payload, headers, topic, outcome,
              ${moment('created_at')} as createdAt, ${moment('published_at')} as publishedAt
            from ${tables.archive} order by published_at, position`,
          )
          return rows as never
        },
        async ageArchive(ms) {
          await tables.query(
            `update ${tables.archive} set published_at = published_at - interval ? microsecond`,
            [ms * 1_000],
          )
        },
        async request(scope, request) {
          await tables.query(`update ${tables.held} set request = ? where scope = ?`, [request, scope])
        },
        dropTables: () => tables.dropTables(),
        createTables: () => tables.createTables(),
        dispose: () => tables.dispose(),
      }
    },
  }
}

export function mysqlLeaseHarness(name: string, url: () => string): LeaseHarness {
  return {
    name,
    async open() {
      const tables = await Tables.create(url())
      return {
        store: () => tables.source().leases,
        async shiftExpiry(ms) {
          await tables.query(`update ${tables.lease} set expires_at = expires_at + interval ? microsecond`, [
            ms * 1_000,
          ])
        },
        async lockRow() {
          const connection = await tables.connect()
          await connection.query('start transaction')
          await connection.query(`select id from ${tables.lease} for update`)
          return async () => void (await connection.query('commit'))
        },
        async lastError() {
          const [row] = await tables.query<{ text: string | null; age: number | null }>(
            `select last_error as text, timestampdiff(microsecond, last_error_at, utc_timestamp(6)) as age from ${tables.lease}`,
          )
          return { text: row?.text ?? null, ageSeconds: row?.age == null ? null : Number(row.age) / 1e6 }
        },
        async clear() {
          await tables.query(`delete from ${tables.lease}`)
        },
        dispose: () => tables.dispose(),
      }
    },
  }
}

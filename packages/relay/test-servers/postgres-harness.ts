import {
  dropTablesSql,
  qualifiedName,
  resolveTable,
  schemaSql,
  type OptionalPart,
  type TableOptions,
} from '@outboxkit/core'
import type { LeaseHarness, OutboxWriter, RowInput, SourceHarness } from '@outboxkit/testing/conformance'
import { randomUUID } from 'node:crypto'
import pg from 'pg'
import { postgresSource, type PostgresSource, type PostgresSourceOptions } from '../src/postgres/index.js'

/** Tables in a schema of their own, and plain connections to look at them from outside. */
export class Tables {
  readonly url: string
  readonly schema = `pgsource_${randomUUID().slice(0, 8)}`
  readonly options: TableOptions
  readonly outbox: string
  readonly lease: string
  readonly held: string
  readonly archive: string
  readonly #parts: readonly OptionalPart[]
  readonly #clients: pg.Client[] = []
  readonly #closers: (() => Promise<void>)[] = []
  #plain: pg.Client | undefined

  constructor(url: string, options: TableOptions = {}, parts: readonly OptionalPart[] = []) {
    this.url = url
    this.#parts = parts
    this.options = { schema: this.schema, ...options }
    const table = resolveTable(this.options)
    this.outbox = qualifiedName(table, 'postgres')
    this.lease = qualifiedName(table, 'postgres', 'lease')
    this.held = qualifiedName(table, 'postgres', 'held')
    this.archive = qualifiedName(table, 'postgres', 'archive')
  }

  static async create(
    url: string,
    options: TableOptions = {},
    parts: readonly OptionalPart[] = [],
  ): Promise<Tables> {
    const tables = new Tables(url, options, parts)
    await tables.query(`create schema ${tables.schema}`)
    await tables.createTables()
    return tables
  }

  async connect(): Promise<pg.Client> {
    const client = new pg.Client({ connectionString: this.url })
    // a test that ends connections ends these as well
    client.on('error', () => undefined)
    this.#clients.push(client)
    await client.connect()
    return client
  }

  async query<Row extends pg.QueryResultRow>(text: string, values: unknown[] = []): Promise<Row[]> {
    this.#plain ??= await this.connect()
    return (await this.#plain.query<Row>(text, values)).rows
  }

  async createTables(): Promise<void> {
    const options = { ...this.options, with: this.#parts }
    for (const statement of schemaSql('postgres', options)) await this.query(statement)
  }

  async dropTables(): Promise<void> {
    for (const statement of dropTablesSql('postgres', this.options)) await this.query(statement)
    await this.query(`drop table if exists ${this.archive}`)
  }

  source(options: Partial<PostgresSourceOptions> = {}): PostgresSource {
    const given = options.config ?? options.pool ?? options.url
    const source = postgresSource({
      ...(given === undefined ? { url: this.url } : {}),
      table: this.options,
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
    const rows = await this.query<{ position: string }>(
      `select position from ${this.outbox} order by position`,
    )
    return rows.map(({ position }) => Number(position))
  }

  async writer(): Promise<OutboxWriter & { readonly client: pg.Client }> {
    const client = await this.connect()
    const run = async (text: string): Promise<void> => {
      await client.query(text)
    }
    return {
      client,
      begin: () => run('begin'),
      commit: () => run('commit'),
      rollback: () => run('rollback'),
      insert: async (row) => {
        const inserted = await client.query<{ position: string }>(this.insertSql(), insertValues(row))
        return Number(inserted.rows[0]?.position)
      },
      lock: async (name) => {
        await client.query('select pg_advisory_xact_lock(hashtext($1))', [`${this.schema}/${name}`])
      },
      takeLease: async (owner) => {
        await client.query(`update ${this.lease} set owner = $1, epoch = epoch + 1, renewals = 0`, [owner])
      },
    }
  }

  insertSql(): string {
    return `insert into ${this.outbox} (id, aggregatetype, aggregateid, type, payload, headers, topic)
      values (gen_random_uuid(), 'order', $1, $2, $3, $4, $5) returning position`
  }

  async dispose(): Promise<void> {
    for (const close of this.#closers.reverse()) await close()
    // what a failed test has left open would keep its locks
    for (const client of this.#clients) if (client !== this.#plain) await client.end()
    await this.query(`drop schema ${this.schema} cascade`)
    await this.#plain?.end()
  }
}

export function insertValues(row: RowInput = {}): (string | null)[] {
  const { key = '1', type = 'order.placed', payload = '{"n":1}', headers = null, topic = null } = row
  return [key, type, payload, headers, topic]
}

/** The conformance suite's view of PostgreSQL. */
export function postgresHarness(url: () => string): SourceHarness {
  return {
    name: 'postgres',
    async open({ elsewhere, archive }) {
      const options = elsewhere ? { name: 'out"box; drop' } : {}
      const tables = await Tables.create(url(), options, archive ? ['archive'] : [])
      const sources = new Set<PostgresSource>()
      return {
        source({ sweepIntervalMs, unsafeRule, ageMs, restAfterMs, ...tuning } = {}) {
          const source = tables.source({
            ...tuning,
            sweep: { intervalMs: sweepIntervalMs },
            // 0: with every read, whatever it costs
            internal: { unsafeRule, ageMs, restAfterMs, sweepShare: sweepIntervalMs === 0 ? 0 : undefined },
          })
          sources.add(source)
          return source
        },
        openHoles: (source) => [...sources].find((other) => other === source)?.stats?.holes ?? NaN,
        writer: () => tables.writer(),
        positions: () => tables.positions(),
        async held() {
          const rows = await tables.query<{ [column: string]: string }>(
            `select position::float8, scope_kind as "scopeKind", scope, code, reason, attempts, payload::text, request
            from ${tables.held} order by position`,
          )
          return rows as never
        },
        async archive() {
          const moment = (column: string) =>
            `to_char(${column} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')`
          const rows = await tables.query<{ [column: string]: string }>(
            `select position::float8, id::text, aggregateid as "aggregateId", type, payload::text, headers::text, topic,
              outcome, ${moment('created_at')} as "createdAt", ${moment('published_at')} as "publishedAt"
            from ${tables.archive} order by published_at, position`,
          )
          return rows as never
        },
        async ageArchive(ms) {
          await tables.query(
            `update ${tables.archive} set published_at = published_at - $1 * interval '1 ms'`,
            [ms],
          )
        },
        async request(scope, request) {
          await tables.query(`update ${tables.held} set request = $2 where scope = $1`, [scope, request])
        },
        dropTables: () => tables.dropTables(),
        createTables: () => tables.createTables(),
        dispose: () => tables.dispose(),
      }
    },
  }
}

export function postgresLeaseHarness(url: () => string): LeaseHarness {
  return {
    name: 'postgres',
    async open() {
      const tables = await Tables.create(url())
      return {
        store: () => tables.source().leases,
        async shiftExpiry(ms) {
          await tables.query(
            `update ${tables.lease} set expires_at = expires_at + $1 * interval '1 millisecond'`,
            [ms],
          )
        },
        async lockRow() {
          const client = await tables.connect()
          await client.query('begin')
          await client.query(`select from ${tables.lease} for update`)
          return async () => void (await client.query('commit'))
        },
        async lastError() {
          const [row] = await tables.query<{ text: string | null; age: number | null }>(
            `select last_error as text, extract(epoch from now() - last_error_at)::float8 as age from ${tables.lease}`,
          )
          return { text: row?.text ?? null, ageSeconds: row?.age ?? null }
        },
        async clear() {
          await tables.query(`delete from ${tables.lease}`)
        },
        dispose: () => tables.dispose(),
      }
    },
  }
}

import { quoteIdentifier, type OutboxError } from '@outboxkit/core'
import mysql, { type ConnectionOptions } from 'mysql2/promise'
import { randomUUID } from 'node:crypto'
import { Session, type Use } from '../session.js'
import { failed, isReported, redactorOf } from './errors.js'

/** A row in text form, or bytes where the column has bytes. */
export type RawRow = readonly (string | number | Buffer | null)[]

export type Parameter = string | number | null

/** One SQL statement. Prepared once per connection unless `unprepared`, which some statements need. */
export interface Statement {
  readonly text: string
  readonly values: readonly Parameter[]
  readonly unprepared?: boolean
}

export interface Answer {
  readonly rows: readonly RawRow[]
  /** Rows that were found by an UPDATE, or deleted. */
  readonly affected: number
}

/** The part of a pool of `mysql2` that is used: its promises, or its callbacks with `promise()`. */
export interface MysqlPool {
  getConnection(...callback: never[]): unknown
  promise?(...none: never[]): unknown
}

interface Client {
  query(options: object): Promise<unknown>
  execute(options: object): Promise<unknown>
  destroy(): void
  on(event: 'error' | 'end', listener: (error: Error) => void): unknown
}

export interface ConnectOptions {
  readonly config: ConnectionOptions
  /** Connections are taken from here instead, and destroyed after use: their session settings are ours. */
  readonly pool: MysqlPool | undefined
  /** The database of the tables; `undefined`: the connection's own. */
  readonly schema: string | undefined
  readonly connectTimeoutMs: number
  readonly statementTimeoutMs: number
}

/** Runs one statement. `timeoutMs`: how long to wait for the answer once it was sent. */
export type Run = (statement: Statement, timeoutMs?: number) => Promise<Answer>

/** How much longer than the server's own time-out we wait for an answer before the connection counts as dead. */
const graceMs = 5_000
/** A transaction whose client has vanished keeps its locks for this long, in seconds. */
const settleIdleSeconds = 60

/** Whatever the application's pool is set to: nothing is interpreted by the driver, and no digit is lost. */
const rawOptions = {
  rowsAsArray: true,
  nestTables: false,
  namedPlaceholders: false,
  supportBigNumbers: true,
  bigNumberStrings: true,
  decimalNumbers: false,
  dateStrings: true,
} as const
/** Only another function takes the place of a pool's own. */
const castNothing = { typeCast: (_field: unknown, next: () => unknown) => next() } as const

/**
 * One connection, opened at first use and again after it broke. Errors are `OUTBOX_SOURCE_FAILED` and never
 * contain the password.
 */
export class Connection {
  readonly #options: ConnectOptions
  readonly #session: Session<Client>
  readonly #isShort: boolean
  /** Set in the session when it was opened: another session, behind a proxy, does not know it. */
  #token = ''

  /** `isShort`: for transactions; the server ends it when it is idle, so that no lock outlives its client. */
  constructor(options: ConnectOptions, purpose: string, { isShort = false } = {}) {
    this.#options = options
    this.#isShort = isShort
    const redactor = redactorOf(options.config)
    this.#session = new Session<Client>({
      open: (onError) => this.#open(onError),
      end: (client) => client.destroy(),
      isReported,
      failure: (what, error): OutboxError => failed(`${what} (${purpose})`, error, redactor),
    })
  }

  /** What the variable `@outboxkit` has in this session; changes when it is opened again. */
  get token(): string {
    return this.#token
  }

  /** Runs one statement alone, after those that came before. Default of `timeoutMs`: the statement time-out and some grace. */
  query(statement: Statement, timeoutMs?: number): Promise<Answer> {
    return this.exclusive((run) => run(statement, timeoutMs))
  }

  /** Runs `body` with nothing of others between its statements. */
  exclusive<T>(body: (run: Run) => Promise<T>): Promise<T> {
    return this.#session.exclusive((use: Use<Client>) =>
      body((statement, timeoutMs) => use((client) => this.#run(client, statement, timeoutMs))),
    )
  }

  /** Runs `body` in a transaction. What it throws rolls back. */
  transaction<T>(body: (run: Run) => Promise<T>, timeoutMs?: number): Promise<T> {
    return this.exclusive(async (run) => {
      await run(plain('start transaction'), timeoutMs)
      try {
        const result = await body(run)
        await run(plain('commit'), timeoutMs)
        return result
      } catch (error) {
        // a connection that cannot roll back is broken, and the server rolls back by itself
        await run(plain('rollback'), timeoutMs).catch(() => this.close())
        throw error
      }
    })
  }

  /** Ends the connection; what is running fails. A later statement opens a new one. */
  close(): Promise<void> {
    return this.#session.close()
  }

  async #run(client: Client, { text, values, unprepared }: Statement, timeoutMs?: number): Promise<Answer> {
    const raw = this.#options.pool === undefined ? rawOptions : { ...rawOptions, ...castNothing }
    const work =
      unprepared === true
        ? client.query({ ...raw, sql: text, values })
        : client.execute({ ...raw, sql: text, values: values.map(asText) })
    const limit = timeoutMs ?? this.#options.statementTimeoutMs + graceMs
    const [result] = (await withDeadline(work, limit)) as [RawRow[] | { affectedRows?: number }]
    if (Array.isArray(result)) return { rows: result, affected: 0 }
    return { rows: [], affected: result.affectedRows ?? 0 }
  }

  async #open(onError: (error?: Error) => void): Promise<Client> {
    const { pool, connectTimeoutMs } = this.#options
    const client = await (pool === undefined ? this.#openClient() : fromPool(pool, connectTimeoutMs))
    // Without a listener an idle connection that breaks would end the process.
    client.on('error', onError)
    // A statement may be left without an answer when the server closes the connection.
    client.on('end', () => onError())
    try {
      await withDeadline(this.#prepareSession(client), connectTimeoutMs)
      return client
    } catch (error) {
      client.destroy()
      throw error
    }
  }

  async #openClient(): Promise<Client> {
    const { config, connectTimeoutMs } = this.#options
    return mysql.createConnection({
      connectTimeout: connectTimeoutMs,
      enableKeepAlive: true,
      ...config,
      // compared byte by byte, whatever the server's default is
      charset: 'utf8mb4_bin',
      multipleStatements: false,
    })
  }

  async #prepareSession(client: Client): Promise<void> {
    const raw = { ...rawOptions, ...castNothing }
    const wanted = sessionSettings(this.#options.statementTimeoutMs, this.#isShort)
    const names = Object.keys(wanted)
    const list = { ...raw, sql: 'show session variables where variable_name in (?)', values: [names] }
    const [known] = (await client.query(list)) as [RawRow[]]
    const settings = known.map(([name]) => `session ${String(name)} = ${wanted[String(name).toLowerCase()]}`)
    this.#token = randomUUID()
    await client.query({ ...raw, sql: 'set names utf8mb4 collate utf8mb4_bin' })
    await client.query({ ...raw, sql: 'set session transaction isolation level read committed' })
    await client.query({ ...raw, sql: `set ${settings.join(', ')}` })
    // JSON_TABLE wants some database to be selected, whatever the tables' names say.
    const { schema } = this.#options
    if (schema !== undefined) await client.query({ ...raw, sql: `use ${quoteIdentifier('mysql', schema)}` })
    await client.query({ ...raw, sql: 'set @outboxkit = ?', values: [this.#token] })
    // The driver encodes parameters as it was told, and notices `set names` only if the server reports it.
    const [[echo]] = (await client.execute({ ...raw, sql: 'select hex(?)', values: ['é€'] })) as [RawRow[]]
    if (String(echo?.[0]).toLowerCase() !== 'c3a9e282ac')
      throw new Error("the pool's option charset must be utf8mb4")
  }
}

/**
 * What the session is set to, as far as the server knows the setting: answers are the same whatever the server's
 * defaults are, and every wait is bounded. With READ COMMITTED, because under REPEATABLE READ a locking read that
 * reaches the end of the table would block every insert.
 */
function sessionSettings(statementTimeoutMs: number, isShort: boolean): Readonly<Record<string, string>> {
  const seconds = String(Math.max(1, Math.ceil(statementTimeoutMs / 1_000)))
  return {
    autocommit: '1',
    sql_mode: `'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION'`,
    time_zone: `'+00:00'`,
    sql_safe_updates: '0',
    sql_select_limit: 'default',
    innodb_lock_wait_timeout: seconds,
    lock_wait_timeout: seconds,
    // MariaDB: seconds, for every statement. MySQL: milliseconds, for SELECT only; the rest waits for locks at most.
    max_statement_time: String(statementTimeoutMs / 1_000),
    max_execution_time: String(statementTimeoutMs),
    // MySQL: the real next number of the table, not a cached one
    information_schema_stats_expiry: '0',
    ...(isShort ? { wait_timeout: String(settleIdleSeconds) } : {}),
  }
}

async function fromPool(pool: MysqlPool, timeoutMs: number): Promise<Client> {
  const promising = (typeof pool.promise === 'function' ? pool.promise() : pool) as {
    getConnection(): Promise<Client & { release(): void }>
  }
  const given = promising.getConnection()
  try {
    return await withDeadline(given, timeoutMs)
  } catch (error) {
    // The pool keeps our place in its queue.
    void given.then((client) => client.release()).catch(() => undefined)
    if ((error as { code?: unknown }).code !== 'TIMEOUT') throw error
    throw new Error(
      `the pool has given no connection for ${timeoutMs} ms; the source keeps three, so connectionLimit must leave room for them`,
      { cause: error },
    )
  }
}

/** The driver keeps waiting for a server that has gone silent; the caller destroys the connection. */
async function withDeadline<T>(work: Promise<T>, ms: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const deadline = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => reject(Object.assign(new Error(`no answer for ${ms} ms`), { code: 'TIMEOUT' })),
      ms,
    )
  })
  work.catch(() => undefined)
  try {
    return await Promise.race([work, deadline])
  } finally {
    clearTimeout(timer)
  }
}

/** As a DOUBLE, which the driver makes of a number, LIMIT would refuse it. */
function asText(value: Parameter): string | null {
  return typeof value === 'number' ? String(value) : value
}

function plain(text: string): Statement {
  return { text, values: [], unprepared: true }
}

import pg from 'pg'
import { Session } from '../session.js'
import { failed, isReported, redactorOf } from './errors.js'

/** A row in text form: nothing has been interpreted by the driver. */
export type RawRow = readonly (string | null)[]

export type Parameter = string | number | null | readonly (string | number | null)[]

/** One SQL statement. `name`: prepared once per connection under this name. */
export interface Statement {
  readonly name: string
  readonly text: string
  readonly values: readonly Parameter[]
}

/** The part of a `pg` pool that is used; any version of `pg` fits. */
export interface PgPool {
  connect(): Promise<PgPoolClient>
  readonly options?: object
}

export interface PgPoolClient {
  query(config: object): Promise<unknown>
  on(event: 'error', listener: (error: Error) => void): unknown
  release(destroy?: boolean | Error): void
  readonly processID?: number | null
}

export interface ConnectOptions {
  readonly config: pg.ClientConfig
  /** Connections are taken from here instead, and thrown away after use: their session settings are ours. */
  readonly pool: PgPool | undefined
  readonly connectTimeoutMs: number
  readonly statementTimeoutMs: number
}

/** What both kinds of client have. */
interface Link {
  readonly query: (config: object) => Promise<unknown>
  /** By the server's word at connect; through a pooler it is not the backend's. */
  readonly processId: number | null
  /** Ends it, also in the middle of a statement. */
  readonly end: () => void
}

// No parsing at all: payloads must stay as they are, and positions must not lose digits.
const rawTypes = { getTypeParser: () => (value: string) => value }

/** How much longer than the server's own time-out we wait for an answer before the connection counts as dead. */
const graceMs = 5_000

/** Runs one statement. `timeoutMs`: how long to wait for the answer once it was sent. */
type Run = (statement: Statement, timeoutMs?: number) => Promise<readonly RawRow[]>

/**
 * One connection, opened at first use and again after it broke. Errors are `OUTBOX_SOURCE_FAILED` and never
 * contain the password.
 */
export class Connection {
  readonly #options: ConnectOptions
  readonly #session: Session<Link>
  #pooled = false

  constructor(options: ConnectOptions, purpose: string) {
    this.#options = options
    const redactor = redactorOf(options.config)
    this.#session = new Session<Link>({
      open: (onError) => this.#open(onError),
      end: (link) => link.end(),
      isReported,
      failure: (what, error) => failed(`${what} (${purpose})`, error, redactor),
    })
  }

  /**
   * Through a pooler that may change the server's session between two statements (PgBouncer): then no session
   * settings are made and no statements are prepared. Known once connected.
   */
  get isPooled(): boolean {
    return this.#pooled
  }

  /** Runs one statement alone, after those that came before. Default of `timeoutMs`: the statement time-out and some grace. */
  query(statement: Statement, timeoutMs?: number): Promise<readonly RawRow[]> {
    return this.exclusive((run) => run(statement, timeoutMs))
  }

  /** Runs `body` with nothing of others between its statements. */
  exclusive<T>(body: (run: Run) => Promise<T>): Promise<T> {
    return this.#session.exclusive((use) =>
      body((statement, timeoutMs) => use((link) => this.#run(link, statement, timeoutMs))),
    )
  }

  /** Runs `body` in a transaction. What it throws rolls back. */
  transaction<T>(
    body: (run: (statement: Statement) => Promise<readonly RawRow[]>) => Promise<T>,
  ): Promise<T> {
    return this.exclusive(async (run) => {
      await run(simple('begin'))
      try {
        const result = await body(run)
        await run(simple('commit'))
        return result
      } catch (error) {
        // a connection that cannot roll back is broken, and the server rolls back by itself
        await run(simple('rollback')).catch(() => this.close())
        throw error
      }
    })
  }

  /** Ends the connection; what is running fails. A later statement opens a new one. */
  close(): Promise<void> {
    return this.#session.close()
  }

  async #run(link: Link, statement: Statement, timeoutMs?: number): Promise<readonly RawRow[]> {
    const result = (await link.query({
      ...(this.#pooled || statement.name === '' ? {} : { name: statement.name }),
      text: statement.text,
      values: statement.values,
      rowMode: 'array',
      types: rawTypes,
      query_timeout: timeoutMs ?? this.#options.statementTimeoutMs + graceMs,
    })) as { rows: RawRow[] }
    return result.rows
  }

  async #open(onError: (error?: Error) => void): Promise<Link> {
    const { pool } = this.#options
    const link = await (pool === undefined ? this.#openClient(onError) : this.#openPooled(pool, onError))
    try {
      await this.#prepareSession(link)
      return link
    } catch (error) {
      link.end()
      throw error
    }
  }

  async #openClient(onError: (error?: Error) => void): Promise<Link> {
    const client = new pg.Client({
      keepAlive: true,
      connectionTimeoutMillis: this.#options.connectTimeoutMs,
      fallback_application_name: 'outboxkit',
      ...this.#options.config,
    })
    // Without a listener an idle connection that breaks would end the process.
    client.on('error', onError)
    await client.connect()
    return {
      query: (config) => client.query(config as pg.QueryArrayConfig),
      processId: (client as unknown as { processID: number | null }).processID,
      // what has gone silent does not answer a polite end either
      end: () => {
        const { stream } = (client as unknown as { connection: { stream: { destroy(): void } } }).connection
        setTimeout(() => stream.destroy(), 1_000).unref()
        client.end().catch(() => undefined)
      },
    }
  }

  async #openPooled(pool: PgPool, onError: (error?: Error) => void): Promise<Link> {
    const client = await pool.connect()
    client.on('error', onError)
    let released = false
    return {
      query: (config) => client.query(config),
      processId: client.processID ?? null,
      end: () => {
        if (released) return
        released = true
        client.release(true)
      },
    }
  }

  async #prepareSession(link: Link): Promise<void> {
    const query_timeout = this.#options.connectTimeoutMs
    const base = { rowMode: 'array', types: rawTypes, query_timeout }
    const pid = (await link.query({ ...base, text: 'select pg_catalog.pg_backend_pid()' })) as {
      rows: RawRow[]
    }
    this.#pooled = link.processId !== null && String(link.processId) !== pid.rows[0]?.[0]
    // A session setting would stay on a server connection that the application gets next.
    if (this.#pooled) return
    const settings = { ...sessionSettings, statement_timeout: String(this.#options.statementTimeoutMs) }
    const calls = Object.keys(settings).map(
      (_, i) => `pg_catalog.set_config($${2 * i + 1}, $${2 * i + 2}, false)`,
    )
    await link.query({ ...base, text: `select ${calls.join(', ')}`, values: Object.entries(settings).flat() })
  }
}

/**
 * Row security off: an error instead of silently missing rows. The rest keeps plans cheap and the same, whatever
 * the statistics say of a table that is empty at one moment and has a million rows at the next: a plan for all
 * values, by the index, in one process, and not compiled.
 */
const sessionSettings = {
  TimeZone: 'UTC',
  row_security: 'off',
  plan_cache_mode: 'force_generic_plan',
  enable_seqscan: 'off',
  max_parallel_workers_per_gather: '0',
  jit: 'off',
  default_transaction_isolation: 'read committed',
  idle_in_transaction_session_timeout: '60000',
}

function simple(text: string): Statement {
  return { name: '', text, values: [] }
}

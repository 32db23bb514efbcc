import pg from 'pg'
import { isOutboxError, OutboxError } from '@outboxkit/core'
import type { DatabaseSettings } from '../config/resolved.js'
import type { Database, Query, Row } from './database.js'
import { connectFailure, databaseFailure, redactor } from './failure.js'
import { inTransaction } from './transaction.js'

/** All values as the server writes them, but for booleans, 32-bit numbers and bytes. */
const asText: pg.CustomTypesConfig = {
  getTypeParser: ((oid: number, format?: 'text' | 'binary') => {
    const parsed = new Set([
      pg.types.builtins.BOOL,
      pg.types.builtins.INT2,
      pg.types.builtins.INT4,
      pg.types.builtins.BYTEA,
    ])
    return parsed.has(oid) ? pg.types.getTypeParser(oid, format as 'text') : (value: string) => value
  }) as pg.CustomTypesConfig['getTypeParser'],
}

export async function openPostgres(
  settings: DatabaseSettings,
  {
    connectTimeoutMs = 10_000,
    statementTimeoutMs = 60_000,
  }: { connectTimeoutMs?: number; statementTimeoutMs?: number },
): Promise<Database> {
  const { client, redact, name } = await connect(settings, { connectTimeoutMs, statementTimeoutMs })
  const query: Query = async (sql, values = []) => {
    try {
      return (await client.query<Row>(sql, [...values])).rows
    } catch (error) {
      throw databaseFailure(`PostgreSQL ${name}`, error, redact)
    }
  }
  // Not by startup parameters, which poolers refuse; these they keep with the session. Rows that a policy would hide from
  // this role are an error: an outbox of which nothing can be seen is not an empty one.
  await query("select set_config('TimeZone', 'UTC', false), set_config('row_security', 'off', false)")
  const [row] = await query('show server_version')
  return {
    dialect: 'postgres',
    flavour: 'postgres',
    version: String(row?.['server_version']).split(' ')[0] ?? '',
    name,
    query,
    transaction: (work) => inTransaction(query, work),
    close: () => client.end().catch(() => undefined),
  }
}

interface Connected {
  readonly client: pg.Client
  readonly redact: (text: string) => string
  /** Host, port and database. */
  readonly name: string
}

async function connect(
  settings: DatabaseSettings,
  { connectTimeoutMs, statementTimeoutMs }: { connectTimeoutMs: number; statementTimeoutMs: number },
): Promise<Connected> {
  const common = { types: asText, connectionTimeoutMillis: connectTimeoutMs, application_name: 'outboxkit' }
  const attempt = async (timeout: pg.ClientConfig): Promise<Connected> => {
    const client = createClient(settings, { ...common, ...timeout })
    const { host, port, database, password } = client as pg.Client & { password?: unknown }
    const redact = redactor([typeof password === 'string' ? password : undefined])
    const name = `${host}:${port}/${database ?? ''}`
    // A connection that ends while idle: the next statement says so.
    client.on('error', () => undefined)
    try {
      await client.connect()
      return { client, redact, name }
    } catch (error) {
      throw connectFailure(`PostgreSQL ${name}`, error, redact)
    }
  }
  try {
    return await attempt({ statement_timeout: statementTimeoutMs })
  } catch (error) {
    // A pooler that knows no such parameter: then we end what takes too long, not the server.
    if (!isOutboxError(error) || !/unsupported startup parameter/.test(error.message)) throw error
    return attempt({ query_timeout: statementTimeoutMs })
  }
}

function createClient({ url, config }: DatabaseSettings, extra: pg.ClientConfig): pg.Client {
  try {
    return new pg.Client({
      ...(config as pg.ClientConfig | undefined),
      ...(url === undefined ? {} : { connectionString: url }),
      ...extra,
    })
  } catch {
    // The driver's error repeats the URL, password and all.
    throw new OutboxError(
      'OUTBOX_OPTION_INVALID',
      'The database URL cannot be parsed. It must look like postgres://user:password@host:5432/database, with special characters in the password percent-encoded.',
    )
  }
}

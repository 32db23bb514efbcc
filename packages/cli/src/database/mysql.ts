import { createConnection, type Connection, type ConnectionOptions } from 'mysql2/promise'
import { OutboxError } from '@outboxkit/core'
import type { DatabaseSettings } from '../config/resolved.js'
import type { Database, Query, Row } from './database.js'
import { connectFailure, databaseFailure, redactor } from './failure.js'
import { inTransaction } from './transaction.js'

export async function openMysql(
  settings: DatabaseSettings,
  {
    connectTimeoutMs = 10_000,
    statementTimeoutMs = 60_000,
  }: { connectTimeoutMs?: number; statementTimeoutMs?: number },
): Promise<Database> {
  const options = connectionOptions(settings)
  const redact = redactor([options.password])
  const name = `${options.host ?? 'localhost'}:${options.port ?? 3306}/${options.database ?? ''}`
  const connection = await connect(options, { connectTimeoutMs, name, redact })
  const query: Query = async (sql, values = []) => {
    try {
      const [rows] = await connection.query({ sql, values: [...values], timeout: statementTimeoutMs })
      return Array.isArray(rows) ? (rows as Row[]) : []
    } catch (error) {
      throw databaseFailure(`MySQL ${name}`, error, redact)
    }
  }
  await query("set time_zone = '+00:00'")
  const [row] = await query('select version() as version')
  const version = String(row?.['version'])
  return {
    dialect: 'mysql',
    flavour: /mariadb/i.test(version) ? 'mariadb' : 'mysql',
    version,
    name,
    query,
    transaction: (work) => inTransaction(query, work),
    close: () => connection.end().catch(() => connection.destroy()),
  }
}

async function connect(
  options: ConnectionOptions,
  {
    connectTimeoutMs,
    name,
    redact,
  }: { connectTimeoutMs: number; name: string; redact: (text: string) => string },
): Promise<Connection> {
  try {
    const connection = await createConnection({
      ...options,
      connectTimeout: connectTimeoutMs,
      supportBigNumbers: true,
      bigNumberStrings: true,
      dateStrings: true,
      jsonStrings: true,
      timezone: 'Z',
    })
    // A connection that ends while idle: the next statement says so.
    connection.on('error', () => undefined)
    return connection
  } catch (error) {
    throw connectFailure(`MySQL ${name}`, error, redact)
  }
}

/** A URL, also one inside mysql2's options, is taken apart here: what is shown and redacted is what is used. */
function connectionOptions({ url, config }: DatabaseSettings): ConnectionOptions {
  if (url !== undefined) return fromUrl(url)
  const { uri, ...options } = (config ?? {}) as ConnectionOptions
  return uri === undefined ? options : { ...fromUrl(uri), ...options }
}

function fromUrl(url: string): ConnectionOptions {
  try {
    const { hostname, port, username, password, pathname } = new URL(url)
    return {
      host: hostname,
      ...(port === '' ? {} : { port: Number(port) }),
      user: decodeURIComponent(username),
      password: decodeURIComponent(password),
      database: decodeURIComponent(pathname.slice(1)),
    }
  } catch {
    throw new OutboxError(
      'OUTBOX_OPTION_INVALID',
      'The database URL cannot be parsed. It must look like mysql://user:password@host:3306/database, with special characters in the password percent-encoded.',
    )
  }
}

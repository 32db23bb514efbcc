import { createConnection, type RowDataPacket } from 'mysql2/promise'
import pg from 'pg'
import { uniqueName } from '../services/test-context.js'
import type { DatabaseName } from './projects.js'

/** A database of the newcomer's own. */
export interface NewcomerDatabase {
  readonly url: string
  execute(sql: string): Promise<void>
  drop(): Promise<void>
}

export async function createDatabase(name: DatabaseName, serverUrl: string): Promise<NewcomerDatabase> {
  const execute = name === 'postgres' ? onPostgres : onMysql
  const database = uniqueName('newcomer').toLowerCase()
  const url = new URL(serverUrl)
  url.pathname = `/${database}`
  await execute(serverUrl, `create database ${database}`)
  return {
    url: url.href,
    execute: (sql) => execute(url.href, sql),
    drop: () => execute(serverUrl, `drop database ${database}${name === 'postgres' ? ' with (force)' : ''}`),
  }
}

async function onPostgres(url: string, sql: string): Promise<void> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    await client.query(sql)
  } finally {
    await client.end()
  }
}

async function onMysql(url: string, sql: string): Promise<void> {
  const connection = await createConnection(url)
  try {
    await connection.query<RowDataPacket[]>(sql)
  } finally {
    await connection.end()
  }
}

import { createTablesSql, resolveTable, type TableOptions } from '@outboxkit/core'
import { mysqlSource } from '@outboxkit/relay/mysql'
import { postgresSource } from '@outboxkit/relay/postgres'
import { memoryPublisher } from '@outboxkit/testing'
import { expect } from 'vitest'
import {
  diagnose,
  type DatabaseSettings,
  type DoctorOptions,
  type Finding,
  type KafkaSettings,
  type ResolvedOutbox,
} from '../src/index.js'

export interface OutboxOfTest {
  readonly url: string
  readonly table?: TableOptions
  readonly kafka?: KafkaSettings | undefined
  readonly maxPayloadBytes?: number
}

/** What a configuration with only a URL resolves to. */
export function outboxOf({
  url,
  table = {},
  kafka,
  maxPayloadBytes = 900_000,
}: OutboxOfTest): ResolvedOutbox {
  const dialect: DatabaseSettings['dialect'] = url.startsWith('postgres') ? 'postgres' : 'mysql'
  return {
    name: 'default',
    database: { dialect, url },
    table: resolveTable(table),
    maxPayloadBytes,
    relay: {},
    kafka,
    createSource: ({ onWarning } = {}) =>
      dialect === 'postgres'
        ? postgresSource({ url, table, onWarning })
        : mysqlSource({ url, table, onWarning }),
    createPublisher: () => memoryPublisher(),
  }
}

export async function createTables(
  dialect: DatabaseSettings['dialect'],
  query: (statement: string) => Promise<unknown>,
  table: TableOptions = {},
): Promise<void> {
  for (const statement of createTablesSql(dialect, table)) await query(statement)
}

/** All findings that are not `ok`, as `severity check: found → todo`. */
export async function complaints(outbox: ResolvedOutbox, options?: DoctorOptions): Promise<string[]> {
  return texts(await diagnose(outbox, options))
}

export function texts(findings: readonly Finding[]): string[] {
  return findings
    .filter(({ severity }) => severity !== 'ok')
    .map(({ severity, check, found, todo }) => `${severity} ${check}: ${found} → ${todo}`)
}

/** Texts of which one has all of these parts, in this order. */
export function one(...parts: string[]): unknown {
  const pattern = parts.map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')).join('[^]*')
  return expect.arrayContaining([expect.stringMatching(new RegExp(pattern))])
}

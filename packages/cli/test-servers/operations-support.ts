import { tmpdir } from 'node:os'
import { schemaSql, type Dialect, type OptionalPart } from '@outboxkit/core'
import { kafkaPublisher } from '@outboxkit/kafka'
import { kafkajs } from '@outboxkit/kafka/kafkajs'
import { createRelay, type Relay, type Source } from '@outboxkit/relay'
import { mysqlSource } from '@outboxkit/relay/mysql'
import { postgresSource } from '@outboxkit/relay/postgres'
import { freshDatabase, freshSchema, withAdmin } from '../../../test-matrix/services/test-context.js'
import { runProgram } from '../src/run.js'

/** Tables of one outbox on a real server, and the application that writes to it. */
export interface OutboxPlace {
  readonly url: string
  readonly dialect: Dialect
  query(sql: string): Promise<Record<string, unknown>[]>
  /** Commits an event; returns its id. */
  emit(event: { key: string; topic: string; payload: string; type?: string }): Promise<string>
  source(): Source
  drop(): Promise<void>
}

export async function openPlace(
  serverUrl: string,
  parts: readonly OptionalPart[] = ['archive'],
): Promise<OutboxPlace> {
  const dialect: Dialect = serverUrl.startsWith('postgres') ? 'postgres' : 'mysql'
  const place = dialect === 'postgres' ? await freshSchema(serverUrl) : await freshDatabase(serverUrl)
  const query: OutboxPlace['query'] = async (sql) => ('schema' in place ? place.query(sql) : place.query(sql))
  for (const statement of schemaSql(dialect, { with: parts })) await query(statement)
  const options = { url: place.url, cleanup: 'archive', onWarning: () => undefined } as const
  return {
    url: place.url,
    dialect,
    query,
    emit: async ({ key, topic, payload, type = 'order.placed' }) => {
      const id = crypto.randomUUID()
      await query(
        `insert into outbox (id, aggregatetype, aggregateid, type, payload, topic, headers)
         values ('${id}', 'order', '${key}', '${type}', '${payload}', '${topic}', '{"tenant":"7"}')`,
      )
      return id
    },
    source: () => (dialect === 'postgres' ? postgresSource(options) : mysqlSource(options)),
    drop: () => place.drop(),
  }
}

export function relayOf(place: OutboxPlace, brokers: string, termMs = 15_000): Relay {
  return createRelay({
    source: place.source(),
    publisher: kafkaPublisher({ driver: kafkajs({ brokers: brokers.split(',') }) }),
    lease: { termMs },
    internal: { requestPollMs: 100 },
  })
}

/** Raises or lowers what a topic takes. */
export async function limitTopic(brokers: string, topic: string, bytes: number): Promise<void> {
  await withAdmin(brokers, (admin) =>
    admin.alterConfigs({
      validateOnly: false,
      resources: [
        { type: 2, name: topic, configEntries: [{ name: 'max.message.bytes', value: String(bytes) }] },
      ],
    }),
  )
}

/** What tests look into; the rest is compared as a whole. */
export interface Printed {
  readonly scopes?: readonly { readonly events: number }[]
  readonly events?: readonly { readonly position: number }[]
  readonly payload?: string
  readonly next?: string
}

export interface CommandResult {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
  /** Standard output line by line, for `--json`. */
  readonly data: readonly Printed[]
}

/** Runs the program as a shell would, in this process. `ends`: stops it, as Ctrl-C does. */
export async function outboxkit(
  args: readonly string[],
  environment: Readonly<Record<string, string>>,
  ends: AbortSignal = new AbortController().signal,
): Promise<CommandResult> {
  const [stdout, stderr]: [string[], string[]] = [[], []]
  const code = await runProgram(args, {
    cwd: tmpdir(),
    environment,
    stdin: {},
    stdout: { write: (text) => stdout.push(text) },
    stderr: { write: (text) => stderr.push(text) },
    signal: ends,
    version: '0.0.0',
  })
  const text = stdout.join('')
  const data = args.includes('--json')
    ? text
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => JSON.parse(line) as Printed)
    : []
  return { code, stdout: text, stderr: stderr.join(''), data }
}

export async function until(done: () => Promise<boolean>, what: string): Promise<void> {
  const deadline = performance.now() + 30_000
  while (!(await done())) {
    if (performance.now() > deadline) throw new Error(`waited 30 s for: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

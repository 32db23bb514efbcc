import { spawn, type ChildProcess } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { createTablesSql, type Dialect } from '@outboxkit/core'
import { freshDatabase, freshSchema } from '../../../test-matrix/services/test-context.js'
import { loadConfig } from '../src/config/load.js'
import type { ResolvedConfig } from '../src/config/resolved.js'
import type { ExitCode } from '../src/context.js'
import { createLog } from '../src/worker/log.js'
import { runWorker, type WorkerOptions } from '../src/worker/worker.js'

export type Environment = Readonly<Record<string, string>>

/** Tables of one outbox on a server, and what the application does with them. */
export interface OutboxTables {
  readonly url: string
  readonly query: (sql: string, values?: unknown[]) => Promise<Record<string, unknown>[]>
  /** Commits events, each with a key of its own unless one is given. */
  insert(count: number, options?: { readonly key?: string; readonly topic?: string }): Promise<void>
  drop(): Promise<void>
}

export async function createOutbox(serverUrl: string): Promise<OutboxTables> {
  const dialect: Dialect = serverUrl.startsWith('postgres') ? 'postgres' : 'mysql'
  const place = dialect === 'postgres' ? await freshSchema(serverUrl) : await freshDatabase(serverUrl)
  const query = place.query as OutboxTables['query']
  for (const statement of createTablesSql(dialect)) await query(statement)
  let made = 0
  return {
    url: place.url,
    query,
    insert: async (count, { key, topic } = {}) => {
      const id = dialect === 'postgres' ? 'gen_random_uuid()' : 'uuid()'
      const quoted = topic === undefined ? 'null' : `'${topic}'`
      const rows = Array.from(
        { length: count },
        () => `(${id}, 'order', '${key ?? String(++made)}', 'order.placed', '{"n":${made}}', ${quoted})`,
      )
      await query(
        `insert into outbox (id, aggregatetype, aggregateid, type, payload, topic) values ${rows.join(', ')}`,
      )
    },
    drop: () => place.drop(),
  }
}

export interface LogLine {
  readonly level: string
  readonly msg: string
  readonly event?: string
  readonly outbox?: string
  readonly [field: string]: unknown
}

export interface RunningWorker {
  readonly lines: readonly LogLine[]
  readonly ended: Promise<ExitCode>
  /** Resolves with the first line of this event (and outbox); rejects after 20 s. */
  line(event: string, outbox?: string): Promise<LogLine>
  get(
    path: string,
  ): Promise<{ readonly status: number; readonly text: string; readonly json: () => Record<string, unknown> }>
  post(path: string): Promise<number>
  stop(): Promise<ExitCode>
}

/** What environment variables alone make, in a folder without a configuration. */
export async function configOf(environment: Environment): Promise<ResolvedConfig> {
  const folder = mkdtempSync(join(tmpdir(), 'outboxkit-worker-'))
  try {
    return await loadConfig({ cwd: folder, environment })
  } finally {
    rmSync(folder, { recursive: true })
  }
}

/** A worker in this process, from environment variables alone. */
export async function startWorker(
  environment: Environment,
  options: Partial<WorkerOptions> = {},
): Promise<RunningWorker> {
  const lines: LogLine[] = []
  const config = await configOf({ OUTBOXKIT_HTTP_PORT: '0', ...environment })
  const target = { write: (line: string) => void lines.push(JSON.parse(line)) }
  const log = createLog({ level: 'info', format: 'json' }, config.outboxes, target)
  const stop = new AbortController()
  const ended = runWorker(config, { log, signal: stop.signal, ...options })
  ended.catch(() => undefined)
  const line = (event: string, outbox?: string): Promise<LogLine> =>
    eventually(() =>
      lines.find((one) => one.event === event && (outbox === undefined || one.outbox === outbox)),
    )
  const url = async (path: string): Promise<string> => `${String((await line('listening'))['url'])}${path}`
  return {
    lines,
    ended,
    line,
    get: async (path) => {
      const response = await fetch(await url(path))
      const text = await response.text()
      return { status: response.status, text, json: () => JSON.parse(text) }
    },
    post: async (path) => (await fetch(await url(path), { method: 'POST' })).status,
    stop: () => {
      stop.abort()
      return ended
    },
  }
}

/** Resolves with the first answer that is neither undefined nor false; rejects after `timeoutMs`. */
export async function eventually<T>(
  ask: () => T | undefined | false | Promise<T | undefined | false>,
  timeoutMs = 20_000,
): Promise<T> {
  for (const deadline = performance.now() + timeoutMs; ;) {
    const answer = await ask()
    if (answer !== undefined && answer !== false) return answer
    if (performance.now() > deadline) throw new Error(`not within ${timeoutMs} ms: ${String(ask)}`)
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}

const root = fileURLToPath(new URL('../../..', import.meta.url))

export interface RunningCommand {
  readonly child: ChildProcess
  readonly output: () => string
  readonly lines: () => LogLine[]
  line(event: string): Promise<LogLine>
  readonly ended: Promise<{ readonly code: number | null; readonly signal: string | null }>
}

/** `outboxkit …` as a process of its own, in a folder without a configuration unless one is given. */
export function runCommand(
  args: readonly string[],
  environment: Environment,
  cwd: string = tmpdir(),
): RunningCommand {
  const child = spawn(
    process.execPath,
    [
      '--import',
      join(root, 'node_modules/tsx/dist/loader.mjs'),
      join(root, 'packages/cli/src/bin.ts'),
      ...args,
    ],
    {
      cwd,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: {
        PATH: process.env['PATH'],
        HOME: process.env['HOME'],
        TSX_TSCONFIG_PATH: join(root, 'tsconfig.json'),
        ...environment,
      },
    },
  )
  let text = ''
  let errors = ''
  child.stdout.on('data', (chunk: Buffer) => (text += chunk.toString()))
  child.stderr.on('data', (chunk: Buffer) => (errors += chunk.toString()))
  const lines = (): LogLine[] =>
    text.split('\n').flatMap((line) => (line.startsWith('{') ? [JSON.parse(line)] : []))
  const ended = new Promise<{ code: number | null; signal: string | null }>((resolve) =>
    child.once('close', (code, signal) => resolve({ code, signal })),
  )
  return {
    child,
    output: () => text + errors,
    lines,
    ended,
    line: (event) =>
      eventually(() => lines().find((one) => one.event === event)).catch((error: unknown) => {
        throw new Error(`no line ${event} in\n${text}${errors}`, { cause: error })
      }),
  }
}

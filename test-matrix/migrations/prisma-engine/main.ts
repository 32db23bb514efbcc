// Prisma's schema engine behind the protocol of its native binary. Prisma's command starts a binary that its
// installation downloads; where there is none, PRISMA_SCHEMA_ENGINE_BINARY can name this program (see ../prisma-cli.ts).
// What it runs is the same engine, built for WebAssembly: it knows PostgreSQL only (and SQLite, which is not wired here).
import { readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { parseArgs } from 'node:util'
import { engineVersion, loadEngine, panic, startEngine, type Datamodel, type Engine } from './engine.js'
import { createDatabase, postgresAdapter } from './postgres.js'

interface Request {
  readonly id: number
  readonly method?: string
  readonly params?: unknown
}

interface MigrationsParams {
  readonly migrationsList: unknown
  readonly filters: unknown
}

interface EngineError {
  readonly message: string
  readonly code?: string
  readonly error_code?: string
  readonly meta?: unknown
}

const { values, positionals } = parseArgs({
  options: {
    datasource: { type: 'string' },
    datamodels: { type: 'string', short: 'd', multiple: true },
    version: { type: 'boolean' },
  },
  allowPositionals: true,
  strict: false,
})
const files = (values.datamodels ?? []) as string[]
const url = databaseUrl()

await loadEngine()
if (values.version === true) console.log(`schema-engine-cli ${engineVersion()}`)
else if (positionals[0] === 'cli') await administer(positionals.at(-1) ?? '')
else serve()

/** Prisma 7 names the database by an argument, Prisma 6 in the schema, and for comparisons of files not at all. */
function databaseUrl(): string {
  const text = values.datasource as string | undefined
  if (text !== undefined) {
    const given = text.startsWith('{') ? (JSON.parse(text) as { url?: string }).url : text
    if (given !== undefined) return given
  }
  for (const file of files) {
    const [, variable, literal] =
      /\burl\s*=\s*(?:env\("([^"]+)"\)|"([^"]+)")/.exec(readFileSync(file, 'utf8')) ?? []
    const given = variable === undefined ? literal : process.env[variable]
    if (given !== undefined) return given
  }
  return process.env['DATABASE_URL'] ?? ''
}

async function administer(command: string): Promise<void> {
  try {
    if (command === 'create-database') await createDatabase(url)
    else if (command === 'can-connect-to-database') await (await postgresAdapter(url).connect()).dispose()
    else throw new Error(`The command ${command} is not wired.`)
  } catch (error) {
    const { code, message } = error as EngineError
    const fields = { error_code: code === '3D000' ? 'P1003' : 'P1001', message }
    console.error(`\n${JSON.stringify({ level: 'ERROR', target: 'schema_engine::logger', fields })}`)
    process.exitCode = 1
  }
}

/** JSON-RPC, a message a line, one call after the other; ends with its input. */
function serve(): void {
  let engine: Promise<Engine> | undefined
  let printed = 0
  let last: Promise<void> = Promise.resolve()

  const call = async (method: string, params: unknown): Promise<unknown> => {
    if (method === 'createDatabase') return { databaseName: await createDatabase(urlOf(params)) }
    const started = await (engine ??= startEngine(url, datamodels()))
    if (method === 'evaluateDataLoss') await remember(started, params as MigrationsParams)
    // The native engine is asked by the name of the database, this one of its own connection.
    if (method === 'getDatabaseVersion') return started['version']?.(params)
    const action = started[method]
    if (action === undefined) throw new Error(`The schema engine has no method ${method}.`)
    const result = (await action.call(started, params)) as { stdout?: string | null } | undefined
    if (method !== 'diff' || !result?.stdout) return result ?? null
    send({ id: ++printed, method: 'print', params: { content: result.stdout } })
    return { ...result, stdout: null }
  }

  const lines = createInterface({ input: process.stdin })
  lines.on('line', (line) => {
    const { id, method, params } = withoutUrls(JSON.parse(line)) as Request
    // An answer to `print`.
    if (method === undefined) return
    last = last
      .then(() => call(method, params))
      .then(
        (result) => send({ id, result: result ?? null }),
        (error: EngineError) => send({ id, error: failure(error) }),
      )
  })
  lines.on('close', () => void last.then(() => process.exit(0)))
  process.on('uncaughtException', (error) => {
    const message = panic.message || error.stack
    console.error(JSON.stringify({ level: 'ERROR', fields: { message } }))
    process.exit(101)
  })
}

/**
 * What the migrations amount to is found out in a shadow database, and kept. In this build `evaluateDataLoss` only
 * looks at what is kept, which is nothing after `migrate dev` has applied a migration; so it is found out before.
 */
async function remember(engine: Engine, { migrationsList, filters }: MigrationsParams): Promise<void> {
  const params = { migrationsList, filters, optInToShadowDatabase: true }
  await engine['diagnoseMigrationHistory']?.call(engine, params)
}

function failure(error: EngineError): object {
  return {
    code: 4466,
    message: 'An error happened. Check the data field for details.',
    data: {
      is_panic: panic.message !== '',
      message: panic.message || error.message,
      error_code: error.error_code ?? error.code ?? null,
      meta: error.meta ?? null,
      backtrace: null,
    },
  }
}

function send(message: object): void {
  process.stdout.write(`${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`)
}

const urlOf = (params: unknown): string =>
  (params as { datasource?: { url?: string } }).datasource?.url ?? url

const datamodels = (): Datamodel[] => files.map((file) => [file, withoutUrl(readFileSync(file, 'utf8'))])

/** Prisma 6 names the database in the schema, where the engine of Prisma 7 does not accept it. */
const withoutUrl = (schema: string): string =>
  schema.replace(/^\s*(url|directUrl|shadowDatabaseUrl)\s*=.*$/gm, '')

/** The same in every schema that a message carries. */
function withoutUrls(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutUrls)
  if (value === null || typeof value !== 'object') return value
  return Object.fromEntries(
    Object.entries(value).map(([key, entry]) => [
      key,
      key === 'content' && typeof entry === 'string' ? withoutUrl(entry) : withoutUrls(entry),
    ]),
  )
}

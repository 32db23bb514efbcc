import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { pathToFileURL } from 'node:url'
import { businessModel, manyModels, orderModels, outboxModels } from './schemas.js'
import { requireOf, targets, type Target } from './targets.js'

/**
 * Generates the client of a target if there is none for this schema and this version of Prisma, and returns the
 * path of its entry. Safe when several test files ask at once. The folders are not in version control.
 */
export async function generateClient(target: Target): Promise<string> {
  const output = join(target.home, target.output)
  const entry = join(output, target.generator === 'prisma-client' ? 'client.ts' : 'index.js')
  const schema = schemaOf(target, output)
  const cli = requireOf(target).resolve('prisma/package.json')
  const stamp = createHash('sha256').update(readFileSync(cli)).update(schema).digest('hex')
  const stampFile = `${output}.stamp`
  await locked(`${output}.lock`, async () => {
    if (existsSync(entry) && existsSync(stampFile) && readFileSync(stampFile, 'utf8') === stamp) return
    rmSync(stampFile, { force: true })
    rmSync(output, { recursive: true, force: true })
    writeFileSync(`${output}.prisma`, schema)
    await run(join(dirname(cli), 'build/index.js'), `${output}.prisma`)
    writeFileSync(stampFile, stamp)
  })
  return entry
}

/** What a generated client is to tests that must compile where none is generated. */
export interface GeneratedClient {
  readonly PrismaClient: new (options: object) => never
  readonly Prisma: { defineExtension(extension: unknown): unknown; getExtensionContext(that: unknown): never }
}

/** Generates and loads. */
export async function loadClient(target: Target): Promise<GeneratedClient> {
  const loaded = (await import(pathToFileURL(await generateClient(target)).href)) as GeneratedClient & {
    default?: GeneratedClient
  }
  return loaded.default ?? loaded
}

function schemaOf(target: Target, output: string): string {
  const old = target.home.endsWith('prisma-oldest')
  const models =
    target === targets['prisma 7, 100 models']
      ? manyModels(100)
      : orderModels + businessModel + outboxModels(target.provider)
  return `generator client {
  provider = "${target.generator}"
  output   = ${JSON.stringify(output)}
  ${target.settings.join('\n  ')}
}

datasource db {
  provider = "${target.provider}"
  ${old ? 'url = env("DATABASE_URL")' : ''}
}
${models}`
}

/** Neither command needs an engine, and must not go looking for one on the network. */
async function run(cli: string, schema: string): Promise<void> {
  const child = spawn(process.execPath, [cli, 'generate', '--schema', schema], {
    env: {
      ...process.env,
      PRISMA_SCHEMA_ENGINE_BINARY: '/bin/true',
      PRISMA_QUERY_ENGINE_LIBRARY: '/bin/true',
      CHECKPOINT_DISABLE: '1',
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let text = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (text += String(chunk)))
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', resolve)
  })
  if (code !== 0) throw new Error(`prisma generate failed (${code}):\n${text}`)
}

// A generator that was killed leaves its lock; none takes that long.
const staleMs = 120_000

/** mkdir is atomic between processes. */
async function locked(folder: string, work: () => Promise<void>): Promise<void> {
  mkdirSync(dirname(folder), { recursive: true })
  for (;;) {
    try {
      mkdirSync(folder)
      break
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
      const since = statSync(folder, { throwIfNoEntry: false })?.mtimeMs ?? Date.now()
      if (Date.now() - since > staleMs) rmSync(folder, { recursive: true, force: true })
      else await sleep(50)
    }
  }
  try {
    await work()
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

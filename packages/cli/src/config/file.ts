import { readFile } from 'node:fs/promises'
import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import { OutboxError } from '@outboxkit/core'

/** What a configuration file may import although only the package of the command is installed. */
const ours = [
  'outboxkit',
  '@outboxkit/core',
  '@outboxkit/kafka',
  '@outboxkit/kafka/kafkajs',
  '@outboxkit/kafka/platformatic',
  '@outboxkit/kafka/confluent',
  '@outboxkit/relay',
  '@outboxkit/relay/mysql',
  '@outboxkit/relay/postgres',
]

/** Runs the file and gives what it exports. Rejects with `OUTBOX_CONFIG_INVALID` when that fails. */
export async function readConfigFile(path: string): Promise<unknown> {
  if (!existsSync(path)) throw invalid(`The configuration file ${path} does not exist.`)
  try {
    const found = path.endsWith('.json') ? parseJson(await readFile(path, 'utf8')) : await run(path)
    if (typeof found === 'object' && found !== null) return found
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    throw invalid(`The configuration file ${path} does not load: ${reason}`, error)
  }
  throw invalid(`The configuration file ${path} must export an object: export default defineConfig({ … }).`)
}

/** `$schema` is for editors. */
function parseJson(text: string): unknown {
  const { $schema, ...config } = parsed(text.replace(/^\uFEFF/, '')) as Record<string, unknown>
  void $schema
  return config
}

/** The engine's message about an unexpected token repeats what stands around it: a password without its quotes. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    const { message } = error as Error
    throw new SyntaxError(
      message.startsWith('Unexpected token')
        ? 'It is no JSON: there is something that is neither in quotes nor a number, true, false or null.'
        : message,
    )
  }
}

async function run(path: string): Promise<unknown> {
  const { createJiti } = await import('jiti')
  const jiti = createJiti(path, {
    // A cache in a folder that others may write to would run what they put there.
    fsCache: false,
    tsconfigPaths: true,
    alias: aliases(path),
  })
  return await (jiti.import(path, { default: true }) as Promise<unknown>)
}

/**
 * A package manager may keep the packages that the command brings along from the project (pnpm does): then the
 * command's own copies are taken.
 */
function aliases(path: string): Record<string, string> {
  const inProject = createRequire(path)
  return Object.fromEntries(
    ours.flatMap((name) => {
      try {
        inProject.resolve(name)
        return []
      } catch {
        const own = ownCopy(name)
        return own === undefined ? [] : [[name, own]]
      }
    }),
  )
}

function ownCopy(name: string): string | undefined {
  try {
    return fileURLToPath(import.meta.resolve(name))
  } catch {
    return undefined
  }
}

function invalid(message: string, cause?: unknown): OutboxError {
  return new OutboxError('OUTBOX_CONFIG_INVALID', message, { cause })
}

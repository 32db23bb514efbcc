import { spawn } from 'node:child_process'
import { createRequire } from 'node:module'
import { dirname } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { Evaluate } from './candidate.js'

const jiti = pathToFileURL(createRequire(import.meta.url).resolve('jiti')).href

/** Runs in the child. What it sends has no credentials in it: `connection`, `dbCredentials` and the like stay there. */
const program = `
const [jiti, file] = process.argv.slice(1)
const wanted = new Set(['client', 'dialect', 'schema', 'out', 'migrations', 'directory', 'extension', 'ext', 'path',
  'searchPath', 'schemaFilter'])
const isObject = (value) => typeof value === 'object' && value !== null && !Array.isArray(value)
const isEnvironment = (value) => isObject(value) && ('client' in value || 'migrations' in value)
const pick = (value) => isObject(value)
  ? Object.fromEntries(Object.entries(value).filter(([key, item]) => wanted.has(key) || isEnvironment(item))
      .map(([key, item]) => [key, pick(item)]))
  : typeof value === 'function' ? undefined : value
const loader = await import(jiti)
const { createJiti } = loader.default ?? loader
const exported = await createJiti(file, { fsCache: false, tsconfigPaths: true }).import(file, { default: true })
const config = typeof exported === 'function' ? await exported() : exported
process.send(JSON.stringify(pick(config) ?? null), () => process.exit(0))
`

/**
 * Executes a configuration file in a process of its own, so that nothing of it - an open connection, a changed
 * environment, `process.exit()` - stays. What it prints is dropped. Ends after `timeoutMs`, default 15 seconds.
 */
export function evaluateConfig({
  environment,
  timeoutMs = 15_000,
  signal,
}: {
  readonly environment: Readonly<Record<string, string | undefined>>
  readonly timeoutMs?: number
  readonly signal?: AbortSignal
}): Evaluate {
  return (file) =>
    new Promise((resolve) => {
      const child = spawn(process.execPath, ['--input-type=module', '-e', program, jiti, file], {
        cwd: dirname(file),
        env: { ...environment },
        stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
        timeout: timeoutMs,
        killSignal: 'SIGKILL',
        ...(signal === undefined ? {} : { signal }),
      })
      let result: unknown
      child.on('message', (message) => {
        if (typeof message === 'string') result = JSON.parse(message)
      })
      child.once('error', () => resolve(undefined))
      child.once('close', () => resolve(result ?? undefined))
    })
}

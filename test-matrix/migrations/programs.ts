import { spawn } from 'node:child_process'
import { mkdirSync, renameSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** Where programs are compiled to: within node_modules, from where they find their packages. */
export const cache = fileURLToPath(new URL('../../node_modules/.cache/outboxkit', import.meta.url))

/** All or nothing: several test files make the same programs at the same time. Gives the path. */
export function writeCached(name: string, text: string, mode = 0o644): string {
  const path = join(cache, name)
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(`${path}.${process.pid}`, text, { mode })
  renameSync(`${path}.${process.pid}`, path)
  return path
}

export interface Outcome {
  /** `null`: ended by a signal, which here means that it took too long. */
  readonly code: number | null
  /** What it wrote, to standard output and standard error, without colours. */
  readonly output: string
}

/** Runs a Node program to its end, without a terminal. Its environment is this one's and what is given. */
export async function runNode(
  args: readonly string[],
  options: { readonly cwd: string; readonly env?: Readonly<Record<string, string>> },
): Promise<Outcome> {
  const child = spawn(process.execPath, [...args], {
    cwd: options.cwd,
    env: { ...withoutTestRunner(), NO_COLOR: '1', ...options.env },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: 120_000,
    killSignal: 'SIGKILL',
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (data: Buffer) => {
      output += data.toString()
    })
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code) => resolve({ code, output: withoutColours(output) }))
  })
}

// oxlint-disable-next-line no-control-regex -- escape sequences begin with a control character
const withoutColours = (text: string): string => text.replaceAll(/\u001B\[[0-9;?]*[A-Za-z]/g, '')

/** The tools take a test runner's variables for a sign that nobody watches, and behave differently. */
function withoutTestRunner(): NodeJS.ProcessEnv {
  return Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !/^(VITEST|NODE_ENV$|TEST$)/.test(name)),
  )
}

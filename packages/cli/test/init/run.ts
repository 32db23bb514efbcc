import { mkdtempSync, realpathSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { runProgram } from '../../src/run.js'

export interface Run {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

/** The command in this process, without a terminal. */
export async function run(
  cwd: string,
  argv: readonly string[],
  environment: Readonly<Record<string, string | undefined>> = {},
): Promise<Run> {
  const texts = { stdout: '', stderr: '' }
  const stream = (name: 'stdout' | 'stderr') => ({
    isTTY: false,
    write: (text: string) => {
      texts[name] += text
    },
  })
  const code = await runProgram(argv, {
    cwd,
    environment: { PATH: process.env['PATH'], ...environment },
    signal: new AbortController().signal,
    version: '0.0.0',
    stdin: { isTTY: false },
    stdout: stream('stdout'),
    stderr: stream('stderr'),
  })
  return { code, ...texts }
}

/** An empty folder that is gone after the test. The blank in its name is on purpose. */
export function temporaryFolder(): string {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'outboxkit init-')))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

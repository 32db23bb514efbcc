import { randomBytes } from 'node:crypto'
import { spawn } from 'node:child_process'
import { run } from './run.js'

/*
 * The same servers as containers. The project's CI has no Docker and does not cover them: the code is kept
 * small, and the conformance tests of this folder run against it wherever Docker answers.
 */

let wanted: Promise<boolean> | undefined

/** Whether to use Docker: OUTBOXKIT_SERVICES says `docker` or `local`, otherwise if an engine answers. */
export function containersWanted(): Promise<boolean> {
  const choice = process.env['OUTBOXKIT_SERVICES']
  if (choice === 'docker' || choice === 'local') return Promise.resolve(choice === 'docker')
  wanted ??= run('docker', ['info', '--format', '{{.ServerVersion}}'], { timeout: 3_000 }).then(
    () => true,
    () => false,
  )
  return wanted
}

export const docker = (...args: string[]): Promise<string> => run('docker', args)

/** Not `--rm`: a container that was killed would be gone, and crash tests start it again. */
export async function launch(
  name: string,
  image: string,
  args: readonly string[],
  command: readonly string[] = [],
): Promise<void> {
  removeWithThisProcess(`docker rm -f -v ${name}`)
  await docker('run', '-d', '--name', name, '--label', 'outboxkit=services', ...args, image, ...command)
}

/** A shell that waits for the end of its input, which comes however this process ends. */
export function removeWithThisProcess(command: string): void {
  const shell = spawn('sh', ['-c', `cat >/dev/null; ${command}`], {
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
  })
  shell.on('error', () => undefined)
  shell.stdin.on('error', () => undefined)
  shell.unref()
}

export const uniqueName = (what: string): string => `outboxkit-${what}-${randomBytes(4).toString('hex')}`

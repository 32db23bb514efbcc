import { spawn } from 'node:child_process'
import { root, type Check } from './checks.js'

/** Runs a check in the repository's root. Resolves with its output when it fails, else with `undefined`. */
export function runCheck(check: Check): Promise<string | undefined> {
  const [command, ...args] = check.command
  const env = { ...process.env, TURBO_TELEMETRY_DISABLED: '1', NO_COLOR: '1', FORCE_COLOR: '0' }
  return new Promise((resolve) => {
    const child = spawn(command, args, { cwd: root, env, stdio: ['ignore', 'pipe', 'pipe'] })
    let output = ''
    child.stdout.on('data', (data: Buffer) => (output += data.toString()))
    child.stderr.on('data', (data: Buffer) => (output += data.toString()))
    child.on('error', (error) => resolve(error.message))
    child.on('close', (code) => resolve(code === 0 ? undefined : `${output}\n(exit code ${code})`))
  })
}

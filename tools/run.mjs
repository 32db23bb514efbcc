// Entry of the npm scripts. Runs with nothing but Node: installs the project's packages first when they are
// missing or older than the lock file, then starts the real program.
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { withInstallLock } from './install-lock.mjs'

const root = fileURLToPath(new URL('..', import.meta.url))
const stamp = join(root, 'node_modules', '.outboxkit-lock')
// Not in node_modules, which npm ci deletes.
const installLock = join(root, '.install.lock')
const tsx = ['--import', 'tsx']

const programs = {
  test: ['node_modules/vitest/vitest.mjs', 'run'],
  demo: [...tsx, 'test-matrix/demo/main.ts'],
  matrix: [...tsx, 'test-matrix/matrix/main.ts'],
  newcomer: [...tsx, 'test-matrix/newcomer/main.ts'],
  bench: [...tsx, 'test-matrix/bench/main.ts'],
  check: [...tsx, 'tools/check.ts'],
  services: [...tsx, 'test-matrix/services/cli.ts'],
}

const environment = {
  ...process.env,
  TURBO_TELEMETRY_DISABLED: '1',
  CHECKPOINT_DISABLE: '1',
  KAFKAJS_NO_PARTITIONER_WARNING: '1',
  // Sibling packages are loaded from source.
  TSX_TSCONFIG_PATH: join(root, 'tsconfig.json'),
}

function lockHash() {
  return createHash('sha256')
    .update(readFileSync(join(root, 'package-lock.json')))
    .digest('hex')
}

function requireNode() {
  const [major, minor] = process.versions.node.split('.').map(Number)
  if (major > 20 || (major === 20 && minor >= 19)) return
  console.error(`Outboxkit needs Node 20.19 or newer; this is ${process.versions.node}.`)
  process.exit(1)
}

function isInstalled(wanted) {
  try {
    return readFileSync(stamp, 'utf8') === wanted
  } catch {
    return false
  }
}

/** Two commands at once in a fresh clone: the second one waits, and finds everything installed. */
async function installIfNeeded() {
  const wanted = lockHash()
  if (isInstalled(wanted)) return
  const giveUp = () => process.exit(130)
  const onWait = () => {
    console.error('Waiting for another command that is installing the packages …')
    process.once('SIGINT', giveUp)
  }
  const work = (note) => {
    process.off('SIGINT', giveUp)
    return install(wanted, note)
  }
  await withInstallLock(installLock, work, onWait)
}

async function install(wanted, note) {
  if (isInstalled(wanted)) return
  console.error('Installing the packages of the lock file (npm ci) …')
  const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm'
  // A registry may refuse for a moment; what has arrived is in npm's cache, so another try goes on from there.
  for (let attempt = 1; attempt <= 3; attempt++) {
    const code = await run(npm, ['ci', '--no-audit', '--no-fund', '--loglevel=error'], note)
    if (code === 130) process.exit(130)
    if (code !== 0) continue
    writeFileSync(stamp, wanted)
    return
  }
  console.error('npm ci failed: see above. With a warm npm cache it also works offline.')
  process.exit(1)
}

/** Runs a command to its end; the exit code. A signal to this process ends the command too. */
function run(command, args, onStart = () => {}) {
  const child = spawn(command, args, { cwd: root, env: environment, stdio: 'inherit' })
  if (child.pid !== undefined) onStart(child.pid)
  const stop = (signal) => child.kill(signal)
  // Ctrl-C reaches the child through the terminal; a signal to this process alone has to be passed on.
  for (const signal of ['SIGTERM', 'SIGHUP']) process.once(signal, stop)
  // npm that is killed does not tell its scripts.
  const parent = process.ppid
  const watch = setInterval(() => process.ppid !== parent && stop('SIGTERM'), 500)
  return new Promise((resolve) => {
    child.on('error', (error) => {
      console.error(error.message)
      resolve(1)
    })
    child.on('exit', (code, signal) => {
      clearInterval(watch)
      for (const name of ['SIGTERM', 'SIGHUP']) process.off(name, stop)
      if (signal !== null && signal !== 'SIGINT') process.exit(143)
      resolve(code ?? 130)
    })
  })
}

const [name = '', ...args] = process.argv.slice(2)
const program = programs[name]
if (program === undefined) {
  console.error(`usage: node tools/run.mjs ${Object.keys(programs).join(' | ')}`)
  process.exit(2)
}
requireNode()
if (name === 'test') rmSync(join(root, 'reports', 'tally.txt'), { force: true })
process.on('SIGINT', () => {})
await installIfNeeded()
process.exitCode = await run(process.execPath, [...program, ...args])

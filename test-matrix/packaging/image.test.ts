import { execFile, spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { createTablesSql } from '@outboxkit/core'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { build, root } from '../../tools/checks.js'
import { runCheck } from '../../tools/run-check.js'
import { freePort } from '../services/run.js'
import {
  createTopic,
  freshSchema,
  readTopic,
  uniqueTopic,
  type FreshSchema,
} from '../services/test-context.js'

/*
 * What the Dockerfile of the worker makes, without Docker: its install commands are run in an empty folder (with packed
 * tarballs in the place of the registry's), and its command and health check are run there: by a user that is not root, as
 * process 1 of a namespace, with a file system that is read-only.
 */

const run = promisify(execFile)
const dockerfile = readFileSync(join(root, 'packages/cli/deploy/Dockerfile'), 'utf8')

/** An instruction in JSON form, the last one of its kind. */
function instruction(pattern: RegExp): string[] {
  const found = [...dockerfile.matchAll(pattern)].at(-1)?.[1]
  if (found === undefined) throw new Error(`the Dockerfile has no ${String(pattern)}`)
  return JSON.parse(found) as string[]
}

const command = [...instruction(/^ENTRYPOINT (\[.*\])$/gm), ...instruction(/^CMD (\[.*\])$/gm)]
const healthCheck = instruction(/^HEALTHCHECK[^\n]*\\\n\s+CMD (\[.*\])$/gm)
const environment = Object.fromEntries(
  [...dockerfile.matchAll(/^ENV (\w+)=(.*)$/gm)].map(([, name, value]) => [name, value]),
) as Record<string, string>
const [user = '', group = ''] = /^USER (\d+):(\d+)$/m.exec(dockerfile)?.slice(1) ?? []

// A shell that mounts everything read-only and then becomes the worker: it keeps its number, which is 1.
const enclosed = `
mount --make-rprivate / && mount -o remount,bind,ro / && mount -t proc proc /proc &&
exec setpriv --reuid="$0" --regid="$1" --clear-groups "\${@:2}"`

const namespaces = ['--mount', '--pid', '--fork', '--kill-child']

/** Why this machine cannot do what the test asks for, if so. */
function hindrance(): string | undefined {
  const args = [...namespaces, 'bash', '-c', enclosed, user, group, process.execPath, '--version']
  const { status, error, stderr } = spawnSync('unshare', args, { encoding: 'utf8' })
  if (error !== undefined) return 'the command unshare was not found'
  return status === 0 ? undefined : `namespaces cannot be made here: ${stderr.trim().slice(0, 200)}`
}

let app: string
let tables: FreshSchema
let port: number

beforeAll(async () => {
  const problem = await runCheck(build)
  if (problem !== undefined) throw new Error(problem)
  tables = await freshSchema(inject('postgresUrl'))
  for (const statement of createTablesSql('postgres')) await tables.query(statement)
  port = await freePort()
  app = await install()
}, 600_000)

afterAll(async () => {
  await tables?.drop()
  rmSync(app, { recursive: true, force: true })
})

/** The commands of the stage `install`. */
async function install(): Promise<string> {
  const home = mkdtempSync(join(tmpdir(), 'outboxkit-image-'))
  chmodSync(home, 0o755)
  const tarballs = join(home, 'tarballs')
  const folder = join(home, 'app')
  for (const made of [tarballs, folder]) mkdirSync(made)
  const packages = ['core', 'relay', 'kafka', 'cli'].map((name) => `./packages/${name}`)
  const { stdout } = await run('npm', ['pack', '--json', '--pack-destination', tarballs, ...packages], {
    cwd: root,
    maxBuffer: 1 << 26,
  })
  const packed = Object.values(JSON.parse(stdout) as Record<string, { filename: string }>)
  const names = packed.map(({ filename }) => join(tarballs, filename.replace('@', '').replace('/', '-')))
  expect(names).toHaveLength(packages.length)
  await run('npm', instruction(/^RUN (\["npm".*\])$/gm).slice(1), { cwd: folder })
  const line = /^RUN npm (install .*) "outboxkit@\$\{VERSION\}"$/m.exec(dockerfile)?.[1]
  if (line === undefined) throw new Error('the Dockerfile does not install outboxkit')
  await run('npm', [...line.split(' '), '--prefer-offline', ...names], { cwd: folder, maxBuffer: 1 << 26 })
  return folder
}

function environmentOf(more: Record<string, string> = {}): Record<string, string> {
  return {
    PATH: `${join(process.execPath, '..')}:/usr/bin:/bin:/usr/sbin:/sbin`,
    ...environment,
    // Several tests, and a developer, may have one at the same time.
    OUTBOXKIT_HTTP_PORT: String(port),
    OUTBOXKIT_DATABASE_URL: tables.url,
    OUTBOXKIT_KAFKA_BROKERS: inject('kafkaBrokers'),
    ...more,
  }
}

function start(isEnclosed: boolean): {
  child: ChildProcess
  text: () => string
  readonly until: (part: string) => Promise<void>
} {
  const [program = '', ...args] = isEnclosed
    ? ['unshare', ...namespaces, 'bash', '-c', enclosed, user, group, ...command]
    : command
  const child = spawn(program, args, { cwd: app, env: environmentOf(), stdio: ['ignore', 'pipe', 'pipe'] })
  let text = ''
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk: Buffer) => (text += chunk.toString()))
  return {
    child,
    text: () => text,
    until: async (part) => {
      for (const deadline = Date.now() + 60_000; !text.includes(part);) {
        if (Date.now() > deadline || child.exitCode !== null) throw new Error(`no ${part} in\n${text}`)
        await new Promise((resolve) => setTimeout(resolve, 20))
      }
    },
  }
}

const ended = (child: ChildProcess): Promise<number | null> =>
  new Promise((resolve) => child.once('close', (code) => resolve(code)))

describe("the image's files, in a folder outside of the workspace", () => {
  it('are what production needs, and no more', () => {
    const { packages } = JSON.parse(readFileSync(join(app, 'package-lock.json'), 'utf8')) as {
      packages: Record<string, { dev?: boolean; link?: boolean }>
    }
    const names = Object.keys(packages).map((path) => path.replace(/^.*node_modules\//, ''))
    expect(names).toContain('outboxkit')
    for (const unwanted of ['typescript', 'vitest', 'tsup', 'prisma', 'drizzle-kit', '@outboxkit/testing'])
      expect(names).not.toContain(unwanted)
    expect(Object.values(packages).filter(({ dev, link }) => dev === true || link === true)).toEqual([])
  })

  it.for([
    ['as a plain process', false],
    ['as process 1, not root, on a read-only file system', true],
  ] as const)('publish, are healthy, and end cleanly on SIGTERM: %s', async ([, isEnclosed], { skip }) => {
    const why = isEnclosed ? hindrance() : undefined
    if (why !== undefined) skip(why)
    const topic = await createTopic(inject('kafkaBrokers'), uniqueTopic('image'))
    const { child, until } = start(isEnclosed)
    try {
      await until('"event":"waiting"')
      await tables.query(
        `insert into outbox (id, aggregatetype, aggregateid, type, payload, topic) values (gen_random_uuid(), 'order', '1', 'order.placed', '{}', '${topic}')`,
      )
      expect(await readTopic(inject('kafkaBrokers'), topic, { count: 1 })).toHaveLength(1)
      const [probe = '', ...args] = healthCheck
      await run(probe, args, { env: environmentOf() })
      const worker = isEnclosed ? childOf(child.pid ?? 0) : (child.pid ?? 0)
      const asked = { number: '1', user, capabilities: '0000000000000000' }
      expect(identityOf(worker)).toMatchObject(isEnclosed ? asked : {})
      const end = ended(child)
      process.kill(worker, 'SIGTERM')
      expect(await end).toBe(0)
    } finally {
      child.kill('SIGKILL')
    }
    expect(await tables.query('select owner from outbox_lease')).toEqual([{ owner: null }])
    await expect(
      run(healthCheck[0] ?? '', healthCheck.slice(1), { env: environmentOf() }),
    ).rejects.toMatchObject({
      code: 1,
    })
  })
})

/** The process that `unshare` has made. */
function childOf(pid: number): number {
  return Number(readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ')[0])
}

/** What a process is inside of its namespace. */
function identityOf(pid: number): { number: string; user: string; capabilities: string } {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  const last = (name: string): string =>
    new RegExp(`^${name}:\\t(.*)$`, 'm').exec(status)?.[1]?.split('\t').at(-1) ?? ''
  return { number: last('NSpid'), user: last('Uid'), capabilities: last('CapEff') }
}

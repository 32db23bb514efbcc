import { execFileSync, spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Client } from 'pg'
import { describe, expect, inject, it, onTestFinished } from 'vitest'
import { root } from './processes.js'

interface DemoResult {
  database: string
  kafka: string
  orms: Record<string, Record<string, number>>
  latencyMs: { p50: number; p99: number }
  seconds: number
}

interface Ended {
  code: number
  stdout: string
  stderr: string
}

function start(...args: string[]): {
  child: ChildProcess
  until(text: string): Promise<void>
  ended: Promise<Ended>
} {
  // Not through npm or run.mjs, which would stand between the signal and the program.
  const child = spawn(process.execPath, ['--import', 'tsx', 'test-matrix/demo/main.ts', ...args], {
    cwd: root,
    env: {
      ...process.env,
      KAFKA_BROKERS: inject('kafkaBrokers'),
      TSX_TSCONFIG_PATH: join(root, 'tsconfig.json'),
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  // A test that gives up must not leave it behind.
  onTestFinished(() => void child.kill())
  let stdout = ''
  let stderr = ''
  child.stdout.on('data', (data: Buffer) => (stdout += data.toString()))
  child.stderr.on('data', (data: Buffer) => (stderr += data.toString()))
  const ended = once(child, 'close').then(([code]) => ({ code: code as number, stdout, stderr }))
  const until = async (text: string): Promise<void> => {
    while (!stderr.includes(text)) {
      if (child.exitCode !== null) throw new Error(stderr)
      await sleep(100)
    }
  }
  return { child, until, ended }
}

const demo = (...args: string[]): Promise<Ended> => start(...args).ended

const countNames = ['emitted', 'rolledBack', 'received', 'lost', 'phantom', 'misordered', 'duplicates']

const resultOf = (stdout: string): DemoResult =>
  JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as DemoResult

describe('npm run demo', () => {
  it.each(['postgres', 'mysql'])(
    '%s, --json: every event of three ORMs arrives, in order, through a kill -9 and a take-over',
    async (database) => {
      const { code, stdout, stderr } = await demo('--json', '--database', database)
      expect(code, stderr).toBe(0)
      const result = resultOf(stdout)
      expect(Object.keys(result)).toEqual(['database', 'kafka', 'orms', 'latencyMs', 'seconds'])
      expect(result.database).toBe(database)
      const { kafka, orms, latencyMs } = result
      expect(kafka).toBe(inject('kafkaBrokers'))
      expect(Object.keys(orms)).toEqual(['prisma', 'drizzle', 'knex'])
      for (const counts of Object.values(orms)) {
        expect(Object.keys(counts)).toEqual(countNames)
        expect(counts).toMatchObject({ lost: 0, phantom: 0, misordered: 0, received: counts['emitted'] })
        expect(counts['emitted']).toBeGreaterThanOrEqual(1000)
        expect(counts['rolledBack']).toBeGreaterThanOrEqual(200)
      }
      expect(latencyMs.p99).toBeGreaterThanOrEqual(latencyMs.p50)
    },
  )

  it('mariadb, --broken-cursor: the same with the wrong reader shows the loss and fails', async () => {
    const { code, stdout, stderr } = await demo('--json', '--broken-cursor', '--database', 'mariadb')
    expect(code, stderr).toBe(1)
    expect(resultOf(stdout).database).toBe('mariadb')
    const lost = Object.values(resultOf(stdout).orms).reduce((sum, counts) => sum + (counts['lost'] ?? 0), 0)
    expect(lost).toBeGreaterThan(0)
  })

  it.each([['--nonsense'], ['--kafka', 'nonsense'], ['--database', 'oracle'], ['--seed', 'x']])(
    '%s %s: exit 2 and the usage line',
    async (...args) => {
      const { code, stderr } = await demo(...args)
      expect(code).toBe(2)
      expect(stderr).toContain('usage: npm run demo')
    },
  )

  it('a service that dies: the demo says so and ends', async () => {
    const started = start('--kafka', 'memory')
    await started.until('A bank transfer')
    const children = execFileSync('ps', ['-o', 'pid=,args=', '--ppid', String(started.child.pid)]).toString()
    const pid = /^ *(\d+) .*drizzle-orders/m.exec(children)?.[1]
    expect(pid, children).toBeDefined()
    process.kill(Number(pid), 'SIGKILL')
    const { code, stdout, stderr } = await started.ended
    expect(code, stdout).toBe(1)
    expect(stderr).toMatch(/ECONNREFUSED|ECONNRESET|socket hang up/)
  })

  it('--kafka memory --keep: runs without Kafka, says so, stays, and ends cleanly on Ctrl-C', async () => {
    const started = start('--kafka', 'memory', '--keep', '--json')
    await started.until('Ctrl-C ends it all')
    started.child.kill('SIGINT')
    const { code, stdout, stderr } = await started.ended
    expect(code, stderr).toBe(0)
    expect(stderr).toContain('WITHOUT KAFKA')
    expect(resultOf(stdout).kafka).toBe('memory')
    const url = /postgres:\/\/\S+/.exec(stderr)?.[0] ?? ''
    await expect(new Client({ connectionString: url }).connect()).rejects.toThrow('ECONNREFUSED')
  })
})

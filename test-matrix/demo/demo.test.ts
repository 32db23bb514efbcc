import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { describe, expect, inject, it } from 'vitest'
import { root } from './processes.js'

interface DemoResult {
  database: string
  kafka: string
  orms: Record<string, Record<string, number>>
  latencyMs: { p50: number; p99: number }
  seconds: number
}

async function demo(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  const child = spawn(process.execPath, ['tools/run.mjs', 'demo', ...args], {
    cwd: root,
    env: { ...process.env, KAFKA_BROKERS: inject('kafkaBrokers') },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let stdout = ''
  let stderr = ''
  child.stdout.on('data', (data: Buffer) => (stdout += data.toString()))
  child.stderr.on('data', (data: Buffer) => (stderr += data.toString()))
  const [code] = (await once(child, 'close')) as [number]
  return { code, stdout, stderr }
}

const resultOf = (stdout: string): DemoResult =>
  JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as DemoResult

describe('npm run demo', () => {
  it('--json: every event of three ORMs arrives, in order, through a kill -9 and a take-over', async () => {
    const { code, stdout, stderr } = await demo('--json')
    expect(code, stderr).toBe(0)
    const { kafka, orms, latencyMs } = resultOf(stdout)
    expect(kafka).toBe(inject('kafkaBrokers'))
    expect(Object.keys(orms)).toEqual(['prisma', 'drizzle', 'knex'])
    for (const counts of Object.values(orms)) {
      expect(counts).toMatchObject({ lost: 0, phantom: 0, misordered: 0, received: counts['emitted'] })
      expect(counts['emitted']).toBeGreaterThanOrEqual(1000)
      expect(counts['rolledBack']).toBeGreaterThanOrEqual(200)
    }
    expect(latencyMs.p99).toBeGreaterThanOrEqual(latencyMs.p50)
  })

  it('--broken-cursor: the same with the wrong reader shows the loss and fails', async () => {
    const { code, stdout, stderr } = await demo('--json', '--broken-cursor')
    expect(code, stderr).toBe(1)
    const lost = Object.values(resultOf(stdout).orms).reduce((sum, counts) => sum + (counts['lost'] ?? 0), 0)
    expect(lost).toBeGreaterThan(0)
  })

  it('a wrong flag: exit 2 and the usage line', async () => {
    const { code, stderr } = await demo('--nonsense')
    expect(code).toBe(2)
    expect(stderr).toContain('usage: npm run demo')
  })
})

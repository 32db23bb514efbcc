import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, inject, test } from 'vitest'

const root = fileURLToPath(new URL('../..', import.meta.url))

async function bench(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  const child = spawn(process.execPath, ['--import', 'tsx', 'test-matrix/bench/main.ts', ...args], {
    cwd: root,
    env: {
      ...process.env,
      KAFKA_BROKERS: inject('kafkaBrokers'),
      OUTBOXKIT_POSTGRES_URL: inject('postgresUrl'),
      TSX_TSCONFIG_PATH: join(root, 'tsconfig.json'),
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let stdout = ''
  let stderr = ''
  child.stdout.on('data', (data: Buffer) => (stdout += data.toString()))
  child.stderr.on('data', (data: Buffer) => (stderr += data.toString()))
  const [code] = (await once(child, 'close')) as [number]
  return { code, stdout, stderr }
}

const figure = expect.any(Number) as number

// Figures of a busy machine are worth nothing: only that they are there.
test('npm run bench -- --quick --json: one line per measurement, with ratios', async () => {
  const { code, stdout, stderr } = await bench('--quick', '--json', '--only', 'emit,drain', '--orm', 'knex')
  expect(code, stderr).toBe(0)
  const lines = stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>)
  const common = { database: 'postgres', value: figure, against: figure, ratio: figure }
  const emit = { ...common, orm: 'knex', driver: null, unit: 'ms/transaction', aim: 'ratio <= 1.05' }
  expect(lines).toEqual([
    ...['one event, awaited', 'one event, not awaited', 'ten events in one call'].map((name) =>
      expect.objectContaining({ ...emit, bench: `emit: ${name}` }),
    ),
    expect.objectContaining({
      ...common,
      bench: 'drain: 20,000 events of 300 bytes',
      orm: null,
      driver: 'kafkajs',
      unit: 'events/s',
      aim: 'ratio >= 0.7',
    }),
  ])
  for (const line of lines) expect(typeof line['reached']).toBe('boolean')
})

test('a misspelt option ends with code 2 and the usage', async () => {
  const { code, stderr } = await bench('--only', 'speed')
  expect(code).toBe(2)
  expect(stderr).toContain('--only speed')
  expect(stderr).toContain('usage: npm run bench')
})

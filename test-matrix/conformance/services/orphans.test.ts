import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { expect, test } from 'vitest'
import { startKafka } from '../../services/kafka.js'
import { startMariadb, startMysql } from '../../services/mysql.js'
import { startPostgres } from '../../services/postgres.js'
import { childrenOf, isAlive, until } from '../../services/run.js'
import { mariadbVersion, mysqlVersion } from '../../services/service.js'

async function descendants(pid: number): Promise<number[]> {
  const children = await childrenOf(pid)
  const below = await Promise.all(children.map(descendants))
  return [...children, ...below.flat()]
}

const servicesFolder = join(import.meta.dirname, '..', '..', 'services')

/** A process of its own that has started servers, or the command line that did. */
async function holder(file: string, args: string[] = []): Promise<{ child: ChildProcess; line: string }> {
  const child = spawn(process.execPath, ['--import', 'tsx', file, ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const lines = createInterface({ input: child.stdout })
  const line = await new Promise<string>((resolve, reject) => {
    lines.once('line', resolve)
    lines.once('close', () => reject(new Error('ended before it was ready')))
  })
  return { child, line }
}

const gone = (pids: readonly number[]): Promise<true> =>
  until(
    () => (pids.some(isAlive) ? undefined : true),
    () => `still there: ${pids.filter(isAlive).join(' ')}`,
    10_000,
  )

test.each([
  ['SIGKILL', '--running'],
  ['SIGKILL', '--paused'],
  ['SIGTERM', '--running'],
  ['SIGINT', '--running'],
] as const)('%s of the process that started servers leaves nothing behind (%s)', async (signal, state) => {
  const { child, line } = await holder(join(import.meta.dirname, 'hold.ts'), [state])
  const { folder } = JSON.parse(line) as { folder: string }
  const pids = await descendants(child.pid ?? 0)
  // A watchdog, a broker, MySQL, MariaDB, and PostgreSQL with its own processes.
  expect(pids.length).toBeGreaterThan(8)
  expect(existsSync(folder)).toBe(true)
  child.kill(signal)
  await gone(pids)
  await until(
    () => (existsSync(folder) ? undefined : true),
    () => `${folder} is still there`,
    10_000,
  )
})

test('the command prints addresses and ends everything when asked to', async () => {
  const { child, line } = await holder(join(servicesFolder, 'cli.ts'), ['up', 'postgres', '--json'])
  expect(JSON.parse(line)).toEqual({
    postgres: { address: expect.stringMatching(/^postgres:/), version: expect.stringMatching(/^\d+\.\d+$/) },
  })
  const pids = await descendants(child.pid ?? 0)
  child.kill('SIGINT')
  const code = await new Promise((resolve) => child.once('exit', resolve))
  expect(code).toBe(0)
  await gone(pids)
})

test('servers that are stopped leave no process behind', async () => {
  const before = new Set(await descendants(process.pid))
  const [postgres, mysql, mariadb, kafka] = await Promise.all([
    startPostgres(),
    startMysql({ version: mysqlVersion() }),
    startMariadb({ version: mariadbVersion() }),
    startKafka(),
  ])
  const started = (await descendants(process.pid)).filter((pid) => !before.has(pid))
  expect(started.length).toBeGreaterThan(8)
  await Promise.all([postgres.remove(), mysql.remove(), mariadb.remove(), kafka.stop()])
  await gone(started)
})

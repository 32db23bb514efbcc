import { execFile, spawn } from 'node:child_process'
import { copyFile, mkdir, mkdtemp, rm } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { build } from 'esbuild'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { readTopic, uniqueTopic } from '../../../test-matrix/services/test-context.js'
import { openCluster } from './support/cluster.js'
import { createTopic } from './support/topics.js'

const run = promisify(execFile)
const here = import.meta.dirname
// The npm scripts silence a warning of kafkajs with it; an application does not.
const { KAFKAJS_NO_PARTITIONER_WARNING: _, ...env } = process.env
const node = (...args: string[]): Promise<{ stdout: string; stderr: string }> =>
  run(process.execPath, args, { env, timeout: 30_000 })

// In a folder from which kafkajs is found as it is in an application.
let folder: string
let script: string
beforeAll(async () => {
  const modules = dirname(dirname(createRequire(import.meta.url).resolve('kafkajs/package.json')))
  await mkdir(join(modules, '.cache'), { recursive: true })
  folder = await mkdtemp(join(modules, '.cache', 'outboxkit-quiet-'))
  script = join(folder, 'publish.mjs')
  await build({
    entryPoints: [join(here, 'support', 'publish-once.ts')],
    outfile: script,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    external: ['kafkajs', 'kafkajs/*'],
    tsconfig: join(here, '..', '..', '..', 'tsconfig.json'),
  })
})
afterAll(async () => {
  await rm(folder, { recursive: true, force: true })
})

describe('a small program', () => {
  it('publishes, ends by itself, and writes nothing to stderr', async () => {
    const topic = await createTopic(inject('kafkaBrokers'), uniqueTopic('quiet'))
    const { stdout, stderr } = await node(script, inject('kafkaBrokers'), topic)
    expect(stderr).toBe('')
    expect(stdout.trim()).toBe('published published')
    expect(await readTopic(inject('kafkaBrokers'), topic)).toHaveLength(2)
  })

  it.each([
    ['existing', false],
    ['warned', true],
  ])('with a client of the application (%s): the warning about partitioners %s', async (mode, warns) => {
    const topic = await createTopic(inject('kafkaBrokers'), uniqueTopic('quiet'))
    const { stdout, stderr } = await node(script, inject('kafkaBrokers'), topic, mode)
    expect(stdout).toContain('published published')
    expect(`${stdout}${stderr}`.includes('switched default partitioner')).toBe(warns)
  })

  it("hides nobody else's warnings", async () => {
    const topic = await createTopic(inject('kafkaBrokers'), uniqueTopic('quiet'))
    const alone = await node('-e', 'setTimeout(() => {}, -5)')
    const ours = await node(script, inject('kafkaBrokers'), topic, 'negative')
    expect(ours.stderr.includes('TimeoutNegativeWarning')).toBe(
      alone.stderr.includes('TimeoutNegativeWarning'),
    )
  })
})

describe('a program without kafkajs', () => {
  it('says what to install', async () => {
    const elsewhere = await mkdtemp(join(tmpdir(), 'outboxkit-quiet-'))
    try {
      await copyFile(script, join(elsewhere, 'publish.mjs'))
      const failed = await node(join(elsewhere, 'publish.mjs'), '127.0.0.1:1', 't').catch(
        (error: unknown) => error,
      )
      expect(failed).toMatchObject({ stderr: expect.stringContaining('npm install kafkajs') as string })
      expect(failed).toMatchObject({ stderr: expect.stringContaining('OUTBOX_DRIVER_UNSUPPORTED') as string })
    } finally {
      await rm(elsewhere, { recursive: true })
    }
  })
})

describe('a program whose network dies', () => {
  it('ends by itself soon after it has closed the publisher', async () => {
    const cluster = await openCluster()
    try {
      const topic = await cluster.createTopic()
      const child = spawn(process.execPath, [script, cluster.bootstrap.join(), topic, 'silent'], { env })
      const ended = new Promise((resolve) => child.once('close', resolve))
      await new Promise((resolve) => child.stdout.once('data', resolve))
      cluster.network.silence()
      child.stdin.write('go')
      expect(await Promise.race([ended, sleep(20_000, 'still there', { ref: false })])).toBe(0)
      child.kill('SIGKILL')
    } finally {
      await cluster.close()
    }
  })
})

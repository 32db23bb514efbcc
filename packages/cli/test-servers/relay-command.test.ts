import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, describe, expect, inject, it } from 'vitest'
import { startFaultProxy } from '../../../test-matrix/services/fault-proxy.js'
import { createTopic, readTopic, uniqueTopic } from '../../../test-matrix/services/test-context.js'
import { createOutbox, runCommand, type Environment, type RunningCommand } from './worker-support.js'

const closers: (() => Promise<unknown> | void)[] = []
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

async function outboxOn(url: string): ReturnType<typeof createOutbox> {
  const tables = await createOutbox(url)
  closers.push(() => tables.drop())
  return tables
}

function run(args: readonly string[], environment: Environment, cwd?: string): RunningCommand {
  const command = runCommand(args, { OUTBOXKIT_KAFKA_BROKERS: inject('kafkaBrokers'), ...environment }, cwd)
  closers.push(async () => {
    command.child.kill('SIGKILL')
    await command.ended
  })
  return command
}

const topicOf = (): Promise<string> => createTopic(inject('kafkaBrokers'), uniqueTopic('relay'))

describe('outboxkit relay', () => {
  it('by environment variables alone; a standby takes over at once when SIGTERM ends the owner with 0', async () => {
    const tables = await outboxOn(inject('mysqlUrl'))
    const topic = await topicOf()
    const environment = { OUTBOXKIT_DATABASE_URL: tables.url }
    const owner = run(['relay'], environment)
    await owner.line('waiting')
    const standby = run(['relay'], environment)
    await standby.line('standby')
    await tables.insert(10, { topic })
    await owner.line('first-published')
    owner.child.kill('SIGTERM')
    expect(await owner.ended).toEqual({ code: 0, signal: null })
    expect(owner.lines().at(-1)).toMatchObject({ event: 'stopped' })
    expect(await standby.line('owner')).toMatchObject({ unclean: false })
    await tables.insert(10, { topic })
    expect(await readTopic(inject('kafkaBrokers'), topic, { count: 20 })).toHaveLength(20)
    standby.child.kill('SIGINT')
    expect(await standby.ended).toEqual({ code: 0, signal: null })
    expect(await tables.query('select owner from outbox_lease')).toEqual([{ owner: null }])
  })

  it('a second signal ends it at once, whatever is in flight', async () => {
    const tables = await outboxOn(inject('postgresUrl'))
    const topic = await topicOf()
    const [host = '', port = ''] = inject('kafkaBrokers').split(':')
    const proxy = await startFaultProxy({ port: Number(port), host })
    closers.push(() => proxy.close())
    const relay = run(['relay'], {
      OUTBOXKIT_DATABASE_URL: tables.url,
      // The broker names itself: only what goes to the first address can be held up, so nothing is known of it.
      OUTBOXKIT_KAFKA_BROKERS: proxy.address,
    })
    await relay.line('waiting')
    proxy.set('both', 'drop')
    await proxy.refuse()
    await tables.insert(1, { topic })
    await sleep(300)
    relay.child.kill('SIGTERM')
    await relay.line('stopping')
    relay.child.kill('SIGTERM')
    expect((await relay.ended).code).toBe(143)
  })

  it.each([
    [
      'a wrong password',
      async () => {
        const url = new URL((await outboxOn(inject('mysqlUrl'))).url)
        url.username = 'nobody_here'
        url.password = 's3cret-of-mine'
        return { url: url.href, says: 'Access denied' }
      },
    ],
    [
      'an unknown user',
      async () => {
        const url = new URL(inject('postgresUrl'))
        url.username = 'nobody_here'
        url.password = 's3cret-of-mine'
        return { url: url.href, says: 'nobody_here' }
      },
    ],
    [
      'an unknown database',
      async () => {
        const url = new URL(inject('postgresUrl'))
        url.password = 's3cret-of-mine'
        url.pathname = '/no_such_database'
        return { url: url.href, says: 'no_such_database' }
      },
    ],
  ] as const)('ends with a clear error for %s, and shows no secret', async (_, prepare) => {
    const { url, says } = await prepare()
    const relay = run(['relay'], { OUTBOXKIT_DATABASE_URL: url })
    expect((await relay.ended).code).toBe(1)
    expect(relay.output()).toContain(says)
    expect(relay.output()).toContain('refuses the login: ')
    expect(relay.output()).toContain('Correct user, password or database of the URL')
    expect(relay.output()).not.toContain('cannot be reached')
    expect(relay.output()).not.toContain('stopping')
    expect(relay.output()).not.toContain('s3cret')
  })

  it('what nobody caught ends it with 1, and the lease is given back', async () => {
    const tables = await outboxOn(inject('postgresUrl'))
    const folder = mkdtempSync(join(tmpdir(), 'outboxkit-bug-'))
    closers.push(() => rmSync(folder, { recursive: true }))
    const bug = `
      process.on('SIGUSR2', () => void Promise.reject(new Error('a bug of the configuration')))
      export default { database: { url: process.env.DATABASE_URL } }`
    writeFileSync(join(folder, 'outbox.config.mjs'), bug)
    const relay = run(['relay'], { DATABASE_URL: tables.url }, folder)
    await relay.line('owner')
    relay.child.kill('SIGUSR2')
    expect((await relay.ended).code).toBe(1)
    expect(relay.output()).toContain('a bug of the configuration')
    expect(await tables.query('select owner from outbox_lease')).toEqual([{ owner: null }])
  })

  it('--once publishes what is there and ends', async () => {
    const tables = await outboxOn(inject('postgresUrl'))
    const topic = await topicOf()
    await tables.insert(7, { topic })
    const once = run(['relay', '--once', '--json'], { OUTBOXKIT_DATABASE_URL: tables.url })
    expect((await once.ended).code).toBe(0)
    expect(once.lines().find((line) => 'published' in line)).toEqual({
      outbox: 'default',
      end: 'complete',
      published: 7,
      held: 0,
      skipped: 0,
    })
    expect(await readTopic(inject('kafkaBrokers'), topic)).toHaveLength(7)
  })
})

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, inject, it } from 'vitest'
import { freshDatabase, freshSchema, readTopic } from '../services/test-context.js'
import { generatePrismaClient, orms, type Orm } from './applications.js'
import { databases, type DatabaseName } from './databases.js'
import { root } from './processes.js'

const topic = 'outbox.event.account'

/** Runs a program of an example as its README says, less npm. */
function run(
  orm: Orm,
  file: string,
  env: Record<string, string>,
): { output: () => string; ended: Promise<number | null>; interrupt: () => void } {
  const child = spawn(process.execPath, ['--import', 'tsx', join('examples', `${orm}-orders`, 'src', file)], {
    cwd: root,
    env: { ...process.env, ...env, TSX_TSCONFIG_PATH: join(root, 'tsconfig.json') },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (data: Buffer) => (output += data.toString()))
  const ended = once(child, 'close').then(([code]) => code as number | null)
  return { output: () => output, ended, interrupt: () => child.kill('SIGINT') }
}

interface Place extends AsyncDisposable {
  readonly url: string
  query(text: string): Promise<{ n: string | number }[]>
}

async function placeFor(orm: Orm, database: DatabaseName): Promise<Place> {
  const prefix = `example_${orm}`
  if (database !== 'postgres')
    return freshDatabase(inject(database === 'mysql' ? 'mysqlUrl' : 'mariadbUrl'), prefix)
  const place = await freshSchema(inject('postgresUrl'), prefix)
  // Prisma qualifies its models with a schema of its own.
  return orm === 'prisma' ? { ...place, url: `${place.url}&schema=${place.schema}` } : place
}

const cases = [
  ...orms.map((orm) => [orm, 'postgres'] as const),
  ['prisma', 'mysql'],
  ['drizzle', 'mariadb'],
  ['knex', 'mysql'],
] as const

describe.each(cases)('examples/%s-orders on %s, as its README says', (orm, database) => {
  it('set up (twice), started, used with curl and ended by one Ctrl-C', async () => {
    await generatePrismaClient(databases[database].dialect)
    await using place = await placeFor(orm, database)
    const env = { DATABASE_URL: place.url, KAFKA_BROKERS: inject('kafkaBrokers'), PORT: '0' }
    for (const expected of ['', 'The tables are there already.\n']) {
      const setup = run(orm, 'setup.ts', env)
      expect(await setup.ended, setup.output()).toBe(0)
      expect(setup.output()).toBe(expected)
    }
    const main = run(orm, 'main.ts', env)
    const url = await until(() => /listening on (\S+)/.exec(main.output())?.[1], main.output)
    const post = (path: string, body?: string): Promise<Response> =>
      fetch(url + path, { method: 'POST', ...(body === undefined ? {} : { body }) })
    const account = `ada-${orm}-${Date.now()}`
    const placed = await post('/orders', JSON.stringify({ accountId: account, total: 12, payment: 'card' }))
    expect(placed.status).toBe(201)
    const { id } = (await placed.json()) as { id: string }
    expect(
      (await post('/orders', JSON.stringify({ accountId: account, total: 12, payment: 'declined-card' })))
        .status,
    ).toBe(402)
    expect((await post('/orders', '{bad')).status).toBe(400)
    expect((await post(`/orders/${id}/cancel`)).status).toBe(200)
    expect((await post(`/orders/${id}/cancel`)).status).toBe(409)
    await until(
      async () => String((await place.query('select count(*) as n from outbox'))[0]?.n) === '0' || undefined,
      main.output,
    )
    main.interrupt()
    expect(await Promise.race([main.ended, sleep(20_000).then(() => 'still there')]), main.output()).toBe(0)
    const messages = (await readTopic(inject('kafkaBrokers'), topic)).filter(
      ({ key }) => key?.toString() === account,
    )
    expect(
      messages.map(({ headers }) => headers.find(([name]) => name === 'ce_type')?.[1]?.toString()),
    ).toEqual(['order.placed', 'order.cancelled'])
  })
})

async function until<T>(
  look: () => T | undefined | Promise<T | undefined>,
  output: () => string,
): Promise<T> {
  for (const deadline = performance.now() + 60_000; performance.now() < deadline; await sleep(50)) {
    const found = await look()
    if (found !== undefined) return found
  }
  throw new Error(`waited in vain:\n${output()}`)
}

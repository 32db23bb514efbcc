// npm run demo: three applications, three ORMs, one outbox, a relay that is killed - counted.
import { setTimeout as sleep } from 'node:timers/promises'
import { checkHistory, readLeft, waitUntilDrained, type FaultRecord } from '../checker/index.js'
import { createTables, generatePrismaClient, startApplications, type Application } from './applications.js'
import { databases, placeAt } from './databases.js'
import { latencyOf, type Outage } from './latency.js'
import { createLedger, readChanges } from './ledger.js'
import { readOptions, usage, UsageError, type DemoOptions } from './options.js'
import { jsonLine, printResult, Screen, type Result } from './print.js'
import { startProgram, stopPrograms, type Program } from './processes.js'
import { chooseKafka, setStage, type Stage } from './stage.js'
import { printTopic } from './topics.js'
import { Traffic } from './traffic.js'

const slowBankMs = 10_000
const plan = { committed: 1000, rolledBack: 200, accounts: 50, writers: 16, spreadMs: 18_000 }
const screen = new Screen()
const interrupted = new AbortController()
/** What has to go when the demo is interrupted. */
const cleanUp = new Set<() => Promise<void>>([stopPrograms])
/** Ctrl-C is expected, and answered where it is waited for. */
let waiting = false

async function main(): Promise<number> {
  const options = readOptions(process.argv.slice(2))
  if (options.help) {
    console.log(usage)
    return 0
  }
  if (options.watch !== undefined) return watchOnly(options.watch)
  const started = performance.now()
  const kafka = chooseKafka(options.kafka)
  if (kafka === 'memory')
    screen.step(
      'WITHOUT KAFKA: the topic is in memory. Install Java 17 and Maven, or Docker, to see it with a real Kafka.',
    )
  screen.step(
    `Starting ${databases[options.database].title} and ${kafka === 'memory' ? 'a topic' : `a Kafka (${kafka})`}; the first time they are downloaded …`,
  )
  const [stage] = await Promise.all([
    setStage(options.database, kafka),
    generatePrismaClient(databases[options.database].dialect),
  ])
  cleanUp.add(() => stage.end())
  try {
    screen.step(stage.description)
    const result = await perform(stage, options, started)
    if (!options.json) printResult(result)
    if (options.keep) await keep(stage, options)
    // The last line, whatever was printed before.
    if (options.json) console.log(jsonLine(result))
    return result.report.failures.length === 0 ? 0 : 1
  } finally {
    await stopPrograms()
    await stage.end()
  }
}

/** The play itself. */
async function perform(stage: Stage, options: DemoOptions, started: number): Promise<Result> {
  const { databaseUrl } = stage
  const place = placeAt(databaseUrl)
  await createTables(databaseUrl)
  await createLedger(options.database, databaseUrl)
  const relays = await startRelays(stage, options.brokenCursor)
  screen.step(
    `Two relays: one owns the outbox, one stands by${options.brokenCursor ? '. Both read with the BROKEN cursor (position > last)' : ''}`,
  )
  const arrivals = new Map<string, number>()
  const endWatch = await stage.topic.watch((id, at) => arrivals.has(id) || arrivals.set(id, at))
  const applications = await startApplications(databaseUrl, slowBankMs)
  screen.step('Three order services: Prisma, Drizzle, Knex. 16 customers, 50 accounts, one outbox')
  try {
    const { attempts, faults, outage } = await performTraffic(applications, relays, options.seed)
    screen.step('Traffic is over; waiting for the outbox to run dry')
    await waitUntilDrained(databaseUrl, place, options.brokenCursor ? 5000 : 60_000)
    screen.step('Counting: the ledger in the database against the topic')
    const [ledger, left, dump] = await Promise.all([
      readChanges(options.database, databaseUrl),
      readLeft(databaseUrl, place),
      stage.topic.dump(),
    ])
    const report = checkHistory(
      { ...dump, ledger, left, attempts, faults },
      {
        wire: { source: '/outboxkit', topic: stage.topic.name },
        minEmitted: 3 * plan.committed,
        requireFaults: true,
      },
    )
    const seconds = (performance.now() - started) / 1000
    return {
      database: options.database,
      kafka: stage.kafka,
      report,
      latency: latencyOf(ledger, arrivals, [outage]),
      seconds,
    }
  } finally {
    await endWatch()
    // The relays stay for --keep.
    await Promise.all(applications.map(({ program }) => program.stop()))
  }
}

async function startRelays(stage: Stage, broken: boolean): Promise<[Program, Program]> {
  const env = {
    DATABASE_URL: stage.databaseUrl,
    TOPIC: stage.topicAddress,
    TOPIC_NAME: stage.topic.name,
    CURSOR: broken ? 'broken' : 'holes',
  }
  const owner = startProgram('test-matrix/demo/relay.ts', env)
  await owner.waitFor('state: owner')
  const standby = startProgram('test-matrix/demo/relay.ts', env)
  await standby.waitFor('state: standby')
  return [owner, standby]
}

/** Customers, a slow bank, and in the middle the owning relay is killed. */
async function performTraffic(
  applications: readonly Application[],
  [owner, standby]: readonly [Program, Program],
  seed: number,
): Promise<{ attempts: Traffic['attempts']; faults: FaultRecord[]; outage: Outage }> {
  const traffic = new Traffic(applications, { ...plan, seed })
  const running = traffic.run(interrupted.signal)
  let over = false
  // Whoever waits for it hears of a failure; until then it must not end the process.
  running.catch(() => {}).finally(() => (over = true))
  const ticking = setInterval(() => screen.progress(`${traffic.committed} of ${traffic.planned} orders`), 200)
  try {
    await sleep(1000)
    screen.step('A bank transfer keeps its transaction, and an early position, open for ten seconds')
    const slow = traffic.slowOrder('drizzle')
    slow.catch(() => {})
    await Promise.race([running, until(() => over || traffic.committed > traffic.planned * 0.5)])
    const from = Date.now()
    await owner.stop('SIGKILL')
    screen.step(`kill -9 of the relay that owns the outbox, after ${traffic.committed} orders`)
    await standby.waitFor('state: owner')
    const to = Date.now() + 500
    screen.step(
      `The standby took over ${((to - 500 - from) / 1000).toFixed(1)} s later (a lease of 3 s; the default is 15)`,
    )
    await Promise.all([running, slow])
    const faults = ['relay killed with -9', 'slow transaction'].map((fault) => ({ fault, seed, fired: true }))
    return { attempts: traffic.attempts, faults, outage: { from, to } }
  } finally {
    clearInterval(ticking)
  }
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) {
    interrupted.signal.throwIfAborted()
    await sleep(20)
  }
}

/** Leaves everything running until Ctrl-C. */
async function keep(stage: Stage, { database }: DemoOptions): Promise<void> {
  console.error(`
Everything is still running. Look around:
  ${databases[database].lookAround(stage.databaseClient)}
${stage.kafka === 'memory' ? '' : `  npm run demo -- --watch ${stage.topicAddress.split(',')[0]}/${stage.topic.name}\n`}  emit something yourself: DATABASE_URL=${stage.databaseUrl} npm run service -w @outboxkit/example-knex-orders
                           curl -d '{"accountId":"me","total":5,"payment":"card"}' http://127.0.0.1:3000/orders
Ctrl-C ends it all.`)
  waiting = true
  await new Promise<void>((resolve) => {
    const idle = setInterval(() => {}, 1 << 30)
    interrupted.signal.addEventListener('abort', () => {
      clearInterval(idle)
      resolve()
    })
  })
}

async function watchOnly(place: string): Promise<number> {
  const [broker = '', topic = 'outbox.event.account'] = place.split('/')
  waiting = true
  const end = await printTopic([broker], topic)
  await new Promise<void>((resolve) => interrupted.signal.addEventListener('abort', () => resolve()))
  await end()
  return 0
}

for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.on(signal, () => {
    if (interrupted.signal.aborted) process.exit(130)
    interrupted.abort(new Error('interrupted'))
    // Those that wait for Ctrl-C go on from there by themselves.
    if (waiting) return
    screen.step('Interrupted; cleaning up')
    void Promise.allSettled([...cleanUp].map((end) => end())).then(() => process.exit(130))
  })

try {
  process.exitCode = await main()
} catch (error) {
  const usageError =
    error instanceof UsageError || String((error as { code?: unknown }).code).startsWith('ERR_PARSE_ARGS')
  // While it is being interrupted things fail because of that; the handler above ends the process.
  if (!interrupted.signal.aborted) console.error(error instanceof Error ? error.message : error)
  if (usageError) console.error(usage)
  process.exitCode = usageError ? 2 : interrupted.signal.aborted ? 130 : 1
}

import { mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { readTopic, uniqueTopic } from '../services/test-context.js'
import { shellIn, type Running, type Shell } from './commands.js'
import { createDatabase } from './database.js'
import { orderProgram, stepOf, wrapHandle, type Step } from './instructions.js'
import { Operations } from './operations.js'
import { applyByHand, cannotRun, prismaEnvironment } from './prisma.js'
import { userProject, type DatabaseName, type Orm, type UserProject } from './projects.js'
import { startCommands } from './readme.js'
import { installPacked, type Tarballs } from './tarballs.js'

export interface NewcomerCell {
  readonly orm: Orm
  readonly database: DatabaseName
}

export interface NewcomerResult extends NewcomerCell {
  /** That were typed in, from the empty folder to the first event. */
  readonly commands: number
  /** That they took, but for `npm install`. */
  readonly seconds: number
  readonly seenInDev: boolean
  readonly seenOnKafka: boolean
  /** `status` and `dead` said what was the case, each time. */
  readonly statusOk: boolean
  /** What `doctor` warned of, in a database and a Kafka that work: `severity check`. */
  readonly doctorFindings: readonly string[]
}

export interface Surroundings {
  readonly serverUrl: string
  readonly brokers: string
  readonly tarballs: Tarballs
  /** Keeps the folder. */
  readonly keep?: boolean
  readonly say: (text: string) => void
}

/** One person on their first day, with one ORM and one database. Rejects when they are stuck. */
export async function walk(cell: NewcomerCell, surroundings: Surroundings): Promise<NewcomerResult> {
  const place = mkdtempSync(join(realpathSync(tmpdir()), `outboxkit-newcomer-${cell.orm}-`))
  const folder = join(place, 'orders')
  const database = await createDatabase(cell.database, surroundings.serverUrl)
  const started: Running[] = []
  try {
    const env = { DATABASE_URL: database.url, ...(cell.orm === 'prisma' ? await prismaEnvironment() : {}) }
    const shell = remembering(shellIn(folder, env), started)
    const { url } = database
    const execute = (sql: string) => database.execute(sql)
    const project = userProject(cell.orm, cell.database)
    const visit: Visit = { ...surroundings, ...cell, folder, shell, project, url, execute }
    await writeProject(visit)
    const first = await firstDay(visit)
    const second = await secondDay(visit)
    return { ...cell, ...first, ...second }
  } catch (error) {
    // What went on behind tells why.
    const said = started.map((running) => running.output()).join('\n')
    throw new Error(`${error instanceof Error ? error.message : String(error)}\n${said}`, { cause: error })
  } finally {
    await Promise.all(started.map((running) => running.stop()))
    await database.drop()
    if (surroundings.keep === true) surroundings.say(`kept ${folder}`)
    else rmSync(place, { recursive: true, force: true })
  }
}

interface Visit extends NewcomerCell, Surroundings {
  readonly folder: string
  readonly url: string
  readonly execute: (sql: string) => Promise<void>
  readonly shell: Shell
  readonly project: UserProject
}

/** The project as it is before; with what it has installed. */
async function writeProject({ folder, project, shell, say }: Visit): Promise<void> {
  const manifest = { name: 'orders', private: true, type: 'module', dependencies: project.dependencies }
  const files = { 'package.json': `${JSON.stringify(manifest, null, 2)}\n`, ...project.files }
  for (const [path, text] of Object.entries(files)) write(folder, path, text)
  say(`a project in ${folder}`)
  await shell.run('npm install --prefer-offline --no-audit --no-fund --loglevel=error')
}

/** The commands of the README, up to the first event that is seen. */
async function firstDay(visit: Visit): Promise<Pick<NewcomerResult, 'commands' | 'seconds' | 'seenInDev'>> {
  const commands = startCommands(visit.orm, visit.database)
  const last = commands.at(-1) ?? ''
  if (last !== 'npx outboxkit dev') throw new Error(`The README does not end with seeing it: ${last}`)
  let ms = 0
  for (const command of commands) {
    visit.say(`$ ${command}`)
    const took = await timed(() => (command === last ? seeInDev(visit, command) : type(visit, command)))
    if (!command.startsWith('npm install ')) ms += took
    // What it has said is done by hand.
    if (command.startsWith('npx outboxkit init')) await followInit(visit)
  }
  return { commands: commands.length, seconds: Math.round(ms / 100) / 10, seenInDev: true }
}

async function type({ shell, folder, url, tarballs, database, say }: Visit, command: string): Promise<void> {
  if (command.startsWith('npm install ')) return void (await shell.run(installPacked(command, tarballs)))
  if (!cannotRun(command, database)) return void (await shell.run(command))
  say('  not run: Prisma has no engine for this database here; the SQL of its folder is applied in order')
  await applyByHand(folder, url)
}

async function followInit({ shell, folder, project }: Visit): Promise<void> {
  // A second run changes nothing, and says the same for programs.
  const said = JSON.parse(await shell.run('npx outboxkit init --json')) as { created: string[]; next: Step[] }
  if (said.created.length > 0) throw new Error(`A second init wrote ${said.created.join(', ')}`)
  const wrap = stepOf(said.next, 'Wrap the handle')
  if (!wrap.title.includes(project.handle)) throw new Error(`init has not found the handle: ${wrap.title}`)
  const handle = join(folder, project.handle)
  writeFileSync(handle, wrapHandle(readFileSync(handle, 'utf8'), wrap))
  write(folder, orderFile(project), orderProgram(stepOf(said.next, 'Emit'), project))
}

/** Until the event of an order that is placed meanwhile stands in the terminal. */
async function seeInDev({ shell, project }: Visit, command: string): Promise<void> {
  const dev = shell.start(command.replace(/^npx /, 'node_modules/.bin/'))
  await dev.says('The topic is in memory')
  await placeOrder(shell, project)
  await dev.says(/outbox\.event\.order +1 +order\.placed +\{"total":12\}/)
  const code = await dev.stop()
  if (code !== 0) throw new Error(`dev ended with exit code ${code}:\n${dev.output()}`)
}

/** Kafka and a worker that knows only its environment; then what operations say. */
async function secondDay(
  visit: Visit,
): Promise<Pick<NewcomerResult, 'seenOnKafka' | 'statusOk' | 'doctorFindings'>> {
  const { shell, brokers, project, folder, url, say } = visit
  const topic = uniqueTopic('newcomer')
  const look = new Operations(shell, { KAFKA_BROKERS: brokers })
  await placeOrder(shell, project)
  await look.until(
    'one event waits and no relay is there',
    ({ backlog, owner }) => backlog === 1 && owner === null,
  )
  say('$ npx outboxkit relay  (environment only)')
  const relay = shell.start(join(folder, 'node_modules/.bin/outboxkit relay'), {
    // No configuration file is near.
    cwd: dirname(folder),
    env: {
      DATABASE_URL: '',
      OUTBOXKIT_DATABASE_URL: url,
      OUTBOXKIT_KAFKA_BROKERS: brokers,
      OUTBOXKIT_KAFKA_TOPIC: topic,
      OUTBOXKIT_KAFKA_CREATE_TOPICS_PARTITIONS: '1',
      OUTBOXKIT_KAFKA_CREATE_TOPICS_REPLICATION_FACTOR: '1',
    },
  })
  const [record, ...others] = await readTopic(brokers, topic, { count: 1, timeoutMs: 60_000 })
  if (record === undefined) throw new Error(`Nothing came to Kafka:\n${relay.output()}`)
  const seen = `${record.key?.toString()} ${record.value?.toString()} ${others.length}`
  if (seen !== '2 {"total":12} 0') throw new Error(`Something else came to Kafka: ${seen}`)
  say('  seen by a consumer')
  await look.until(
    'nothing waits and a relay owns it',
    ({ backlog, owner }) => backlog === 0 && owner !== null,
  )
  await refusedEvent(visit, look)
  const code = await relay.stop()
  if (code !== 0) throw new Error(`relay ended with exit code ${code}:\n${relay.output()}`)
  await look.until('the relay has stopped', ({ owner }) => owner === null)
  return { seenOnKafka: true, statusOk: true, doctorFindings: await askDoctor(visit, look) }
}

/** A row that no envelope can express is held, shown, and given up by a person. */
async function refusedEvent({ execute, say }: Visit, look: Operations): Promise<void> {
  const id = '0190a000-0000-7000-8000-00000000dead'
  await execute(
    `insert into outbox (id, aggregatetype, aggregateid, type, payload) values ('${id}', '', 'x', 'order.broken', '{}')`,
  )
  await look.until('one event is held', ({ held }) => held === 1)
  say('$ npx outboxkit dead list')
  const [first, ...more] = await look.dead()
  if (first !== id || more.length > 0)
    throw new Error(`dead list shows ${[first, ...more].join()}, not ${id}`)
  await look.discard(id)
  const left = await look.dead()
  if (left.length > 0) throw new Error(`dead list still shows ${left.join()}`)
}

/** It must not cry wolf, and it must see what is broken. */
async function askDoctor({ execute, say }: Visit, look: Operations): Promise<readonly string[]> {
  say('$ npx outboxkit doctor')
  const findings = await look.doctor(0)
  await execute('drop table outbox_held')
  const broken = await look.doctor(1)
  if (!broken.some((finding) => finding.startsWith('fatal ')))
    throw new Error(`doctor does not miss the table outbox_held: ${broken.join()}`)
  return findings
}

async function placeOrder(shell: Shell, project: UserProject): Promise<void> {
  await shell.run(`${project.runner} ${orderFile(project)}`)
}

/** Beside the handle, so that it finds its neighbours. */
function orderFile({ handle, extension }: UserProject): string {
  return join(dirname(handle), `place-order.${extension}`)
}

function write(folder: string, path: string, text: string): void {
  mkdirSync(dirname(join(folder, path)), { recursive: true })
  writeFileSync(join(folder, path), text)
}

async function timed(work: () => Promise<void>): Promise<number> {
  const started = performance.now()
  await work()
  return performance.now() - started
}

/** What is started is also ended. */
function remembering(shell: Shell, started: Running[]): Shell {
  return {
    ...shell,
    start(command, options) {
      const running = shell.start(command, options)
      started.push(running)
      return running
    },
  }
}

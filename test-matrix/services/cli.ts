import { setTimeout as sleep } from 'node:timers/promises'
import { mariadbVersions, mysqlVersions } from './mysql.js'
import { serviceNames, services, startOrUse } from './service.js'
import type { RunningService, ServiceName } from './service.js'

const usage = `Usage: npm run services -- up [${serviceNames.join('] [')}] [--json]
       npm run services -- fetch [${serviceNames.join('] [')}]

up     starts servers on free ports (postgres and kafka unless told otherwise), prints their addresses
       and ends them at Ctrl-C
fetch  downloads and prepares what they need, so that up and the tests work without a network

OUTBOXKIT_SERVICES=local   do not use Docker where there is one (docker: do use it)
OUTBOXKIT_CACHE=folder     where downloads are kept, by default ~/.cache/outboxkit
OUTBOXKIT_PG_MAJOR=14..18  the version of PostgreSQL
OUTBOXKIT_MYSQL_VERSION=${mysqlVersions.join('|')}  of MySQL
OUTBOXKIT_MARIADB_VERSION=${mariadbVersions.join('|')}  of MariaDB
${serviceNames.map((name) => services[name].variable).join(', ')}: a server of your own to use instead
`

async function main(args: readonly string[]): Promise<number> {
  const [command, ...rest] = args
  const names = rest.filter((word) => !word.startsWith('--'))
  const flags = rest.filter((word) => word.startsWith('--'))
  const chosen = serviceNames.filter((name) => names.includes(name))
  const wrong = [...names.filter((name) => !(name in services)), ...flags.filter((flag) => flag !== '--json')]
  if (wrong.length > 0 || (command !== 'up' && command !== 'fetch')) {
    if (wrong.length > 0) process.stderr.write(`Unknown: ${wrong.join(' ')}\n`)
    process.stderr.write(usage)
    return command === '--help' ? 0 : 2
  }
  if (command === 'fetch') return fetch(chosen.length > 0 ? chosen : serviceNames)
  return up(chosen.length > 0 ? chosen : ['postgres', 'kafka'], flags.includes('--json'))
}

async function fetch(names: readonly ServiceName[]): Promise<number> {
  for (const name of names) {
    await services[name].fetch()
    process.stdout.write(`${services[name].title}: ready to start without a network\n`)
  }
  return 0
}

async function up(names: readonly ServiceName[], json: boolean): Promise<number> {
  const asked = endAsked()
  const starting = names.map((name) => startOrUse(name))
  const all = Promise.allSettled(starting)
  // Asked to end while still starting: what has begun is killed by the exit, there is nothing to save.
  const early = await Promise.race([all.then(() => false), asked.then(() => true)])
  if (early) return 0
  const results = await all
  const running = results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []))
  try {
    for (const result of results) if (result.status === 'rejected') throw result.reason
    process.stdout.write(json ? asJson(names, running) : asText(names, running))
    await asked
  } finally {
    await Promise.all(running.map((service) => service.stop()))
  }
  return 0
}

function asJson(names: readonly ServiceName[], running: readonly RunningService[]): string {
  const entries = running.map(({ address, version }, i) => [names[i], { address, version }])
  return `${JSON.stringify(Object.fromEntries(entries))}\n`
}

function asText(names: readonly ServiceName[], running: readonly RunningService[]): string {
  const lines = names.map((name, i) => {
    const { title, variable } = services[name]
    const { address = '', version = '', hint = '' } = running[i] ?? {}
    return `${title} ${version}\n  ${variable}=${address}\n  have a look: ${hint}\n`
  })
  const addresses = names.flatMap((name, i) => {
    const variable = name.startsWith('kafka') ? 'KAFKA_BROKERS' : 'DATABASE_URL'
    return `${variable}=${running[i]?.address ?? ''}`
  })
  return `${lines.join('')}For the examples: export ${addresses.join(' ')}\nCtrl-C ends everything.\n`
}

/** A signal, or the end of the process that started this one: npm that was killed takes the servers along. */
async function endAsked(): Promise<void> {
  const parent = process.ppid
  let asked = false
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(name, () => {
      asked = true
    })
  }
  while (!asked && process.ppid === parent) await sleep(100)
}

main(process.argv.slice(2)).then(
  (code) => process.exit(code),
  (error: unknown) => {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`)
    process.exit(1)
  },
)

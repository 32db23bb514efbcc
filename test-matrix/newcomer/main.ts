// npm run newcomer: what somebody does on their first day, with what would be published.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { startOrUse, type RunningService } from '../services/service.js'
import { databases, orms, type DatabaseName } from './projects.js'
import { packAll } from './tarballs.js'
import { walk, type NewcomerResult } from './walk.js'

const usage = `Usage: npm run newcomer -- [--orm ${orms.join('|')}] [--database ${databases.join('|')}] [--json] [--keep]

Follows the README of an adapter in a fresh folder: install, init, migrate, emit, dev, relay, status, dead, doctor.
Without --orm or --database: with each of them, one after the other. --keep leaves the folder.
`

class UsageError extends Error {}

async function main(args: readonly string[]): Promise<number> {
  const options = {
    orm: { type: 'string' },
    database: { type: 'string' },
    json: { type: 'boolean' },
    keep: { type: 'boolean' },
  } as const
  const { values } = parseArgs({ args: [...args], options })
  const chosen = <Name extends string>(known: readonly Name[], name: string | undefined) =>
    known.filter((candidate) => name === undefined || candidate === name)
  const cells = chosen(orms, values.orm).flatMap((orm) =>
    chosen(databases, values.database).map((database) => ({ orm, database })),
  )
  if (cells.length === 0) throw new UsageError('There is no such ORM or database.')
  const say = (text: string) => process.stderr.write(`${text}\n`)
  const folder = mkdtempSync(join(tmpdir(), 'outboxkit-tarballs-'))
  const running = new Map<DatabaseName | 'kafka', RunningService>()
  try {
    const names = ['kafka', ...new Set(cells.map(({ database }) => database))] as const
    say(`Starting ${names.join(', ')}, building and packing …`)
    const [tarballs] = await Promise.all([
      packAll(folder),
      ...names.map(async (name) => running.set(name, await startOrUse(name))),
    ])
    for (const cell of cells) {
      const [serverUrl, brokers] = [
        running.get(cell.database)?.address ?? '',
        running.get('kafka')?.address ?? '',
      ]
      const result = await walk(cell, { serverUrl, brokers, tarballs, keep: values.keep === true, say })
      process.stdout.write(values.json === true ? `${JSON.stringify(result)}\n` : textOf(result))
    }
    return 0
  } finally {
    await Promise.all([...running.values()].map((service) => service.stop()))
    rmSync(folder, { recursive: true, force: true })
  }
}

function textOf({ orm, database, commands, seconds, doctorFindings }: NewcomerResult): string {
  const findings = doctorFindings.length === 0 ? 'nothing' : doctorFindings.join(', ')
  return `${orm} on ${database}: ${commands} commands and ${seconds} s to the first event (npm install aside); seen in dev and on Kafka; status and dead said what was so; doctor warned of ${findings}\n`
}

try {
  process.exitCode = await main(process.argv.slice(2))
} catch (error) {
  const isUsage =
    error instanceof UsageError || (error as { code?: string }).code?.startsWith('ERR_PARSE_ARGS') === true
  process.stderr.write(
    isUsage
      ? `${(error as Error).message}\n${usage}`
      : `${error instanceof Error ? error.message : String(error)}\n`,
  )
  process.exitCode = isUsage ? 2 : 1
}

// npm run bench: ratios, each beside its own ceiling.
import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { backlog } from './backlog.js'
import type { Bench } from './bench.js'
import { drain } from './drain.js'
import { emit } from './emit.js'
import { flood } from './flood.js'
import { idle } from './idle.js'
import { latency } from './latency.js'
import { busyWarning, describeMachine } from './machine.js'
import { summarize, type Measurement } from './measurement.js'
import { memory } from './memory.js'
import { readOptions, usage, UsageError } from './options.js'
import { toJsonLines, toMarkdown, toTable, writeRegion } from './output.js'
import { whereTimeWent } from './profile.js'
import { Stage } from './stage.js'
import { start } from './start.js'
import { types } from './types.js'

const benches: readonly Bench[] = [emit, types, drain, latency, memory, idle, flood, backlog, start]
const page = fileURLToPath(new URL('../../docs/benchmarks.md', import.meta.url))

const clock = (): string => new Date().toTimeString().slice(0, 8)

async function main(): Promise<void> {
  const options = readOptions(process.argv.slice(2))
  if (options.help) {
    console.log(usage)
    return
  }
  const busy = busyWarning()
  if (busy !== undefined) console.error(busy)
  const stage = new Stage(options)
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    process.once(signal, () => void stage.end().finally(() => process.exit(130)))
  const measurements: Measurement[] = []
  try {
    for (const bench of benches.filter(({ name }) => options.benches.includes(name))) {
      console.error(`${clock()} ${bench.name}: ${bench.title} …`)
      try {
        for await (const series of bench.run(stage)) {
          const measurement = summarize(series)
          measurements.push(measurement)
          console.error(`${clock()}   ${series.bench}`)
          if (options.format === 'json') process.stdout.write(toJsonLines([measurement]))
        }
      } catch (error) {
        // The figures of hours must not be lost with one bench; the exit code tells.
        console.error(`${bench.name} failed:`, error)
        process.exitCode = 1
      }
    }
    const scale = options.quick ? ' QUICK: a tenth of the size, not to be quoted.' : ''
    const machine = `${describeMachine()}; ${await stage.describe()}.${scale}`
    if (options.profile !== undefined) printProfile(options.profile)
    if (options.format === 'table') console.log(`${machine}\n${toTable(measurements)}`)
    if (options.format === 'markdown')
      writeFileSync(page, writeRegion(readFileSync(page, 'utf8'), toMarkdown(measurements, machine)))
  } finally {
    await stage.end()
  }
}

/** On standard error: it is for whoever looks for the time, not a result. */
function printProfile(folder: string): void {
  console.error('Processor time of the relay processes, by npm package and by file:')
  for (const { place, share } of whereTimeWent(folder).filter((part) => part.share >= 0.005))
    console.error(`${(share * 100).toFixed(1).padStart(6)} %  ${place}`)
}

try {
  await main()
} catch (error) {
  console.error(error instanceof UsageError ? `${error.message}\n${usage}` : error)
  process.exitCode = error instanceof UsageError ? 2 : 1
}

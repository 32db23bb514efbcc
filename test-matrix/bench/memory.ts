import { assertCount, type Bench } from './bench.js'
import type { BenchDatabase } from './database.js'
import type { Series } from './measurement.js'
import type { DriverName } from './options.js'
import type { RelayProcess } from './relay.js'
import { alternate } from './runner.js'
import type { Stage } from './stage.js'
import { quantile } from './statistics.js'

/** Resident memory in MiB. */
interface Memory {
  readonly peak: number
  readonly median: number
}

/** What a relay process needs while a backlog drains; beside the same process on a tenth of that backlog. */
export const memory: Bench = {
  name: 'memory',
  title: 'resident memory of the relay while a backlog drains',
  async *run(stage) {
    for (const name of stage.options.databases) {
      const database = await stage.database(name)
      for (const driver of stage.options.drivers) {
        const small = { database, driver, events: stage.size(1_000_000), bytes: 300 }
        // Wire formats put a few bytes around it.
        const large = { database, driver, events: stage.size(5_000), bytes: 1024 * 1024 }
        for (const heapMiB of [undefined, deployedHeapMiB]) {
          yield await measure(stage, { ...small, heapMiB })
          yield await measure(stage, { ...large, heapMiB })
        }
      }
    }
  },
}

// As the image and the systemd unit start the worker. Without a limit Node takes what the machine has to spare.
const deployedHeapMiB = 128

interface Load {
  readonly database: BenchDatabase
  readonly driver: DriverName
  readonly events: number
  readonly bytes: number
  /** The limit of Node's heap. */
  readonly heapMiB: number | undefined
}

async function measure(stage: Stage, load: Load): Promise<Series> {
  const small = { ...load, events: Math.max(1, Math.round(load.events / 10)) }
  const runs = await alternate(stage.options.runs, {
    value: () => drainWatched(stage, load),
    against: () => drainWatched(stage, small),
  })
  const size = load.bytes < 1024 * 1024 ? `${load.bytes} bytes` : '1 MiB'
  const typical = quantile(
    runs.map(({ value }) => value.median),
    0.5,
  )
  return {
    bench: `memory: ${load.events.toLocaleString('en-US')} events of ${size}${load.heapMiB === undefined ? '' : `, heap of ${load.heapMiB} MiB`}`,
    database: load.database.name,
    orm: null,
    driver: load.driver,
    unit: 'MiB',
    ceiling: 'a tenth of the backlog',
    aim: { of: 'value', most: 192 },
    pairs: runs.map(({ value, against }) => ({ value: value.peak, against: against.peak })),
    note: `the peak; the median over the drain was ${typical.toFixed(0)} MiB`,
  }
}

async function drainWatched(
  stage: Stage,
  { database, driver, events, bytes, heapMiB }: Load,
): Promise<Memory> {
  await database.fill(events, bytes)
  const config = { 'max.message.bytes': '8388608', 'retention.bytes': '1073741824' }
  return stage.withTopic(config, async (topic) => {
    const samples: number[] = []
    let relay: RelayProcess | undefined
    const flags = heapMiB === undefined ? [] : [`--max-old-space-size=${heapMiB}`]
    await stage.withRelay({ database, driver, topic, until: events, flags }, async (started) => {
      relay = started
      const timer = setInterval(() => {
        const now = started.child.residentMiB()
        if (now !== undefined) samples.push(now)
      }, 50)
      try {
        await started.drained(1_800_000)
      } finally {
        clearInterval(timer)
      }
    })
    assertCount('rows left', await database.count(), 0)
    const stopped = await relay?.child.waitFor('stopped', 1)
    // The kernel's own high-water mark misses nothing between two samples.
    const peak = stopped?.maxRssMiB ?? NaN
    return { peak, median: samples.length > 0 ? quantile(samples, 0.5) : peak }
  })
}

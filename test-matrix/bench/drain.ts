import { assertCount, type Bench } from './bench.js'
import { Child } from './child.js'
import type { BenchDatabase } from './database.js'
import type { Series } from './measurement.js'
import type { DriverName } from './options.js'
import type { ProducerConfig, ProducerLine } from './producer-child.js'
import { alternate } from './runner.js'
import { runtimeFor } from './runtime.js'
import type { Stage } from './stage.js'

const payloadBytes = 300

/** A backlog to Kafka, beside the same Kafka client that sends the same messages out of memory. */
export const drain: Bench = {
  name: 'drain',
  title: 'a backlog, as fast as it goes',
  async *run(stage) {
    const events = stage.size(200_000)
    for (const name of stage.options.databases) {
      const database = await stage.database(name)
      for (const driver of stage.options.drivers) yield await measure(stage, database, driver, events)
    }
  },
}

async function measure(
  stage: Stage,
  database: BenchDatabase,
  driver: DriverName,
  events: number,
): Promise<Series> {
  const cpu = { relay: 0, producer: 0 }
  const pairs = await alternate(stage.options.runs, {
    value: async () => {
      await database.fill(events, payloadBytes)
      const drained = await drainOnce(stage, database, driver, events)
      cpu.relay = drained.cpuMs
      return (events / drained.ms) * 1000
    },
    against: async () => {
      const produced = await produceOnce(stage, driver, events)
      cpu.producer = produced.cpuMs
      return (events / produced.ms) * 1000
    },
  })
  const micro = (ms: number): string => ((ms * 1000) / events).toFixed(1)
  return {
    bench: `drain: ${events.toLocaleString('en-US')} events of ${payloadBytes} bytes`,
    database: database.name,
    orm: null,
    driver,
    unit: 'events/s',
    ceiling: 'the client alone, from memory',
    aim: { of: 'ratio', least: 0.7 },
    pairs,
    note: `processor time per event: ${micro(cpu.relay)} µs in the relay, ${micro(cpu.producer)} µs in the client alone`,
  }
}

/** The whole table into a topic of its own; from owning the lease to the last row gone. */
async function drainOnce(
  stage: Stage,
  database: BenchDatabase,
  driver: DriverName,
  events: number,
): Promise<{ ms: number; cpuMs: number }> {
  return stage.withTopic({}, async (topic) => {
    const drained = await stage.withRelay({ database, driver, topic, until: events }, (relay) =>
      relay.drained(600_000),
    )
    assertCount('rows left', await database.count(), 0)
    assertCount('messages', await stage.messages(topic), events)
    return drained
  })
}

async function produceOnce(
  stage: Stage,
  driver: DriverName,
  events: number,
): Promise<{ ms: number; cpuMs: number }> {
  return stage.withTopic({}, async (topic) => {
    const config: ProducerConfig = {
      driver,
      brokers: await stage.brokers(),
      topic,
      events,
      payloadBytes,
    }
    const child = await Child.start<ProducerLine>('producer-child', config, await runtimeFor(driver))
    try {
      const { ms, cpuMs } = await child.waitFor('produced', 600_000)
      assertCount('messages', await stage.messages(topic), events)
      return { ms, cpuMs }
    } finally {
      await child.end()
    }
  })
}

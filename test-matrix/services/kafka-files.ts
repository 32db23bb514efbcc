import { existsSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { cached, withProgress } from './cache.js'
import { jvmFlags, serverProperties } from './kafka-config.js'
import { classpath, mavenJars } from './maven.js'
import { run } from './run.js'

/** The newest release of which every artifact (server, tools, Connect) resolves. */
export const kafkaVersion = '4.3.1'
/** Of the slf4j that Kafka ships; a binding for slf4j 2 stays silent. It needs no configuration file. */
const slf4jVersion = '1.7.36'
const clusterId = 'outboxkitAAAAAAAAAAAAA'

export interface KafkaFiles {
  readonly classpath: string
  /** A formatted data folder of the node with this id. It holds no port, so that every start can copy it. */
  readonly template: (id: number) => string
  /** Where the class data archive is, or will be once a broker that writes it has ended. */
  readonly archive: string
}

export const kafkaJars = (): Promise<string> =>
  mavenJars(`kafka-${kafkaVersion}`, [
    `org.apache.kafka:kafka_2.13:${kafkaVersion}`,
    `org.apache.kafka:kafka-tools:${kafkaVersion}`,
    `org.slf4j:slf4j-simple:${slf4jVersion}`,
  ])

/**
 * `archiveClasses` runs a broker once with `-XX:ArchiveClassesAtExit`; later ones start in about half the time.
 * Without the archive everything works, so a failure of that run is only reported.
 */
export async function kafkaFiles(
  java: string,
  archiveClasses: (files: KafkaFiles) => Promise<void>,
): Promise<KafkaFiles> {
  const cp = classpath(await kafkaJars())
  const describe = (home: string): KafkaFiles => ({
    classpath: cp,
    template: (id) => join(home, `node-${id}`),
    archive: join(home, 'classes.jsa'),
  })
  const formatted = await cached(`kafka-${kafkaVersion}-formatted`, (partial) =>
    withProgress(`Formatting Kafka ${kafkaVersion}`, async () => {
      await Promise.all([1, 2, 3].map((id) => format(java, cp, partial, id)))
    }),
  )
  const { template } = describe(formatted)
  const home = await cached(`kafka-${kafkaVersion}-classes`, (partial) =>
    withProgress(`Archiving the classes of Kafka ${kafkaVersion}`, async () => {
      const files = { ...describe(partial), template }
      await archiveClasses(files).catch((error: unknown) => {
        process.stderr.write(
          `No class data archive, starts will take longer: ${String(error).slice(0, 500)}\n`,
        )
        rmSync(files.archive, { force: true })
      })
    }),
  )
  return { ...describe(home), template }
}

export const hasArchive = ({ archive }: KafkaFiles): boolean => existsSync(archive)

async function format(java: string, cp: string, home: string, id: number): Promise<void> {
  const properties = join(home, `node-${id}.properties`)
  const nodes = [1, 2, 3].map((node) => ({
    client: node,
    controller: 10 + node,
    proxied: 0,
    advertised: 0,
    sasl: 0,
  }))
  writeFileSync(properties, serverProperties({ id, nodes, dataFolder: join(home, `node-${id}`) }))
  await run(java, [
    ...jvmFlags(),
    '-cp',
    cp,
    'kafka.tools.StorageTool',
    'format',
    '-t',
    clusterId,
    '-c',
    properties,
  ])
}

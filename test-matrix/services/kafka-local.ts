import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { javaCommand } from './java.js'
import { jvmFlags, serverProperties } from './kafka-config.js'
import type { NodePorts } from './kafka-config.js'
import { hasArchive, kafkaFiles, kafkaVersion } from './kafka-files.js'
import type { KafkaFiles } from './kafka-files.js'
import { clusterSeenBy } from './kafka-wire.js'
import { freePort, run, until } from './run.js'
import { readText, serverFolder, spawnServer } from './server-process.js'
import type { ServerProcess } from './server-process.js'
import type { KafkaOptions, KafkaServer } from './server.js'

const READY_MS = 60_000

/** Jars, formatted data folders and the class data archive, made once. */
export function fetchKafka(): Promise<KafkaFiles> {
  return kafkaFiles(javaCommand(), async (files) => {
    const once = await LocalKafka.start(files, {}, [
      `-XX:ArchiveClassesAtExit=${files.archive}`,
      '-Xlog:cds=off',
      '-Xlog:cds+dynamic=off',
    ])
    // The archive is written at a clean end only.
    await once.kill(0, 'SIGTERM')
    await once.stop()
  })
}

export async function startLocalKafka(options: KafkaOptions): Promise<KafkaServer> {
  const files = await fetchKafka()
  const share = hasArchive(files) ? [`-XX:SharedArchiveFile=${files.archive}`, '-Xshare:auto'] : []
  return LocalKafka.start(files, options, share)
}

interface Parts {
  readonly files: KafkaFiles
  readonly options: KafkaOptions
  readonly flags: readonly string[]
  readonly nodes: readonly NodePorts[]
  readonly folder: { readonly path: string; readonly remove: () => void }
}

class LocalKafka implements KafkaServer {
  readonly version = kafkaVersion
  readonly brokers: readonly string[]
  readonly bootstrap: string
  readonly proxied: readonly string[]
  readonly sasl: readonly string[]
  readonly #parts: Parts
  readonly #processes: ServerProcess[] = []

  static async start(
    files: KafkaFiles,
    options: KafkaOptions,
    flags: readonly string[],
  ): Promise<LocalKafka> {
    for (let attempt = 1; ; attempt++) {
      const nodes = await Promise.all(
        Array.from({ length: options.brokers ?? 1 }, (_, i) => choosePorts(i, options)),
      )
      const server = new LocalKafka({ files, options, flags, nodes, folder: serverFolder('kafka') })
      try {
        await Promise.all(nodes.map((_, i) => server.#launch(i)))
        await server.#ready(nodes.map((_, i) => i))
        return server
      } catch (error) {
        const taken = server.#logs().some((log) => /BindException|Address already in use/.test(log))
        await server.stop()
        // Someone else took a port between the look and the start.
        if (!taken || attempt === 4) throw error
      }
    }
  }

  private constructor(parts: Parts) {
    const { nodes } = parts
    const addresses = (port: (node: NodePorts) => number): string[] =>
      nodes.flatMap((node) => (port(node) > 0 ? [`127.0.0.1:${port(node)}`] : []))
    this.#parts = parts
    this.brokers = addresses(({ client }) => client)
    this.bootstrap = this.brokers.join()
    this.proxied = addresses(({ advertised }) => advertised)
    this.sasl = addresses(({ sasl }) => sasl)
  }

  async #launch(index: number): Promise<void> {
    const { files, options, flags, nodes, folder } = this.#parts
    const id = index + 1
    const dataFolder = join(folder.path, `node-${id}`)
    const properties = join(folder.path, `node-${id}.properties`)
    if (!existsSync(dataFolder)) await run('cp', ['-a', files.template(id), dataFolder])
    const { config, sasl } = options
    writeFileSync(
      properties,
      serverProperties({ id, nodes, dataFolder, ...(config && { config }), ...(sasl && { sasl }) }),
    )
    this.#processes[index] = spawnServer({
      command: javaCommand(),
      args: [...jvmFlags(options.heap), ...flags, '-cp', files.classpath, 'kafka.Kafka', properties],
      cwd: folder.path,
      logFile: this.#logFile(index),
    })
  }

  /** These brokers answer, name as many brokers as run, and know a controller. */
  async #ready(indexes: readonly number[]): Promise<void> {
    const running = this.#processes.filter((server) => server.end() === undefined).length
    await Promise.all(
      indexes.map((index) =>
        until(
          async () => {
            const end = this.#processes[index]?.end()
            if (end !== undefined)
              throw new Error(`Kafka node ${index + 1} ended (${end}):\n${this.#log(index)}`)
            const view = await clusterSeenBy(this.brokers[index] ?? '')
            return view && view.brokers.size >= running && view.controller > 0 ? true : undefined
          },
          () => `Kafka node ${index + 1} is not ready:\n${this.#log(index)}`,
          READY_MS,
          25,
        ),
      ),
    )
  }

  async kill(index: number, signal: 'SIGKILL' | 'SIGTERM' = 'SIGKILL'): Promise<void> {
    const server = this.#processes[index]
    if (!server || server.end() !== undefined) return
    server.signal('SIGCONT')
    server.signal(signal)
    await server.ended
  }

  async restart(index: number): Promise<void> {
    await this.kill(index, 'SIGTERM')
    await this.#launch(index)
    await this.#ready([index])
  }

  async pause(index: number): Promise<void> {
    this.#processes[index]?.signal('SIGSTOP')
  }

  async resume(index: number): Promise<void> {
    this.#processes[index]?.signal('SIGCONT')
  }

  /** SIGKILL: the data goes away as well. */
  async stop(): Promise<void> {
    await Promise.all(this.#processes.map((_, index) => this.kill(index)))
    this.#parts.folder.remove()
  }

  #logFile(index: number): string {
    return join(this.#parts.folder.path, `node-${index + 1}.log`)
  }
  #log(index: number): string {
    return readText(this.#logFile(index)).slice(-3000)
  }
  #logs(): string[] {
    return this.brokers.map((_, index) => this.#log(index))
  }
}

async function choosePorts(index: number, { advertise, sasl }: KafkaOptions): Promise<NodePorts> {
  const [client, controller] = await Promise.all([freePort(), freePort()])
  const proxied = advertise ? await freePort() : 0
  const advertised = advertise ? await advertise(index, proxied) : 0
  return { client, controller, proxied, advertised, sasl: sasl ? await freePort() : 0 }
}

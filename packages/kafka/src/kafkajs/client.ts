import { connect as connectTcp, isIP, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { OutboxError } from '@outboxkit/core'
import type { ISocketFactory, Kafka, KafkaConfig, LogEntry, logLevel } from 'kafkajs'
import { avoidNegativeTimeouts } from './quiet.js'

/** What kafkajs has to say, for an application's own logger. Secrets are blanked out. */
export type KafkajsLogger = (entry: {
  readonly level: 'error' | 'warn' | 'info' | 'debug'
  readonly message: string
  readonly details: Readonly<Record<string, unknown>>
}) => void

/** A kafkajs client whose connections can be ended at once, whatever kafkajs waits for. */
export interface Client {
  readonly kafka: Kafka
  destroy(): void
}

const keepAliveMs = 60_000
// logLevel of kafkajs as numbers: the module itself is loaded late.
const levels: Readonly<Record<number, 'error' | 'warn' | 'info' | 'debug'>> = {
  1: 'error',
  2: 'warn',
  4: 'info',
  5: 'debug',
}

/** Loads kafkajs. Throws `OUTBOX_DRIVER_UNSUPPORTED` when it is not installed. */
export async function loadKafkajs(): Promise<typeof Kafka> {
  try {
    const module = (await import('kafkajs')) as { Kafka?: typeof Kafka; default?: { Kafka: typeof Kafka } }
    await avoidNegativeTimeouts()
    const found = module.Kafka ?? module.default?.Kafka
    if (found === undefined) throw new TypeError('the module kafkajs has no export Kafka')
    return found
  } catch (error) {
    throw new OutboxError(
      'OUTBOX_DRIVER_UNSUPPORTED',
      'The driver kafkajs() needs the package kafkajs 2.2.4 or newer: npm install kafkajs',
      { cause: error },
    )
  }
}

/** A client with connections of its own. */
export function createClient(
  Class: typeof Kafka,
  config: KafkaConfig,
  logger: KafkajsLogger | undefined,
  redact: (text: string) => string,
): Client {
  const sockets = new Set<Socket>()
  let destroyed = false
  const open = config.socketFactory ?? openSocket
  const kafka = new Class({
    clientId: 'outboxkit',
    connectionTimeout: 5_000,
    logCreator: () => (entry) => log(entry, logger, redact),
    ...config,
    // Only for connecting: enough to try every broker of the list. A send is never repeated here.
    retry: {
      initialRetryTime: 100,
      maxRetryTime: 1_000,
      multiplier: 2,
      factor: 0.2,
      retries: 5,
      ...config.retry,
    },
    socketFactory: (options) => {
      if (destroyed) throw new Error('this client has been dropped')
      const socket = open(options)
      sockets.add(socket)
      socket.once('close', () => sockets.delete(socket))
      return socket
    },
  })
  return {
    kafka,
    destroy() {
      destroyed = true
      // With an error: kafkajs then gives up its requests at once instead of waiting for their time-out.
      for (const socket of sockets) socket.destroy(new Error('the client has been dropped'))
    },
  }
}

/** As kafkajs opens sockets itself. */
const openSocket: ISocketFactory = ({ host, port, ssl, onConnect }) => {
  const servername = isIP(host) === 0 ? { servername: host } : {}
  const socket = ssl
    ? connectTls({ host, port, ...servername, ...(typeof ssl === 'object' ? ssl : {}) }, onConnect)
    : connectTcp({ host, port }, onConnect)
  socket.setKeepAlive(true, keepAliveMs)
  return socket
}

function log(entry: LogEntry, logger: KafkajsLogger | undefined, redact: (text: string) => string): void {
  if (logger === undefined) return
  const { message, timestamp: _timestamp, logger: _name, ...details } = entry.log
  logger({
    level: levels[entry.level as logLevel] ?? 'info',
    message: redact(message),
    details: JSON.parse(redact(JSON.stringify(details, plain))) as Record<string, unknown>,
  })
}

function plain(_name: string, value: unknown): unknown {
  return typeof value === 'bigint' ? String(value) : value
}

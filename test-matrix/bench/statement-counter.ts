import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import type { BenchDatabase } from './database.js'

/**
 * A plain TCP relay in front of a database that counts the statements which pass: independent of what the program
 * behind it says of itself, and of what the server counts as a statement.
 */
export class StatementCounter implements AsyncDisposable {
  total = 0
  /** By the name of the prepared statement or the first word of the text. */
  readonly kinds = new Map<string, number>()
  readonly url: string
  readonly #server: Server
  readonly #sockets: Set<Socket>

  private constructor(url: string, server: Server, sockets: Set<Socket>) {
    this.url = url
    this.#server = server
    this.#sockets = sockets
  }

  static async before({ url, name }: BenchDatabase): Promise<StatementCounter> {
    const target = new URL(url)
    const port = Number(target.port || (name === 'postgres' ? 5432 : 3306))
    const host = target.hostname
    const sockets = new Set<Socket>()
    const server = createServer((client) => {
      const upstream = connect(port, host)
      const parser = name === 'postgres' ? postgresParser(counter) : mysqlParser(counter)
      client.on('data', parser)
      for (const [from, to] of [
        [client, upstream],
        [upstream, client],
      ] as const) {
        sockets.add(from)
        from.setNoDelay(true)
        from.on('error', () => to.destroy())
        from.on('close', () => {
          sockets.delete(from)
          to.destroy()
        })
        from.pipe(to)
      }
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    target.hostname = '127.0.0.1'
    target.port = String((server.address() as AddressInfo).port)
    const counter = new StatementCounter(target.href, server, sockets)
    return counter
  }

  count(kind: string): void {
    this.total += 1
    this.kinds.set(kind, (this.kinds.get(kind) ?? 0) + 1)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    this.#server.close()
    await once(this.#server, 'close')
  }
}

type Parser = (chunk: Buffer) => void

/** Calls `found` with every whole packet of a stream; `lengthOf` says how long the first one is, 0: not known yet. */
function packets(lengthOf: (buffer: Buffer) => number, found: (packet: Buffer) => void): Parser {
  let rest: Buffer = Buffer.alloc(0)
  return (chunk) => {
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk])
    for (;;) {
      const length = lengthOf(rest)
      if (length === 0 || rest.length < length) return
      found(rest.subarray(0, length))
      rest = rest.subarray(length)
    }
  }
}

const firstWord = (text: string): string => (/\w+/.exec(text)?.[0] ?? '').toLowerCase()
const textAt = (packet: Buffer, from: number): string =>
  packet.toString('latin1', from, Math.max(from, packet.indexOf(0, from)))

/** PostgreSQL: Query, and Bind with the name of the statement that Execute is about. */
function postgresParser(counter: StatementCounter): Parser {
  let isStarted = false
  let bound = ''
  let parsed = ''
  return packets(
    (buffer) => {
      // The first message has no type.
      const head = isStarted ? 1 : 0
      return buffer.length < head + 4 ? 0 : head + buffer.readInt32BE(head)
    },
    (packet) => {
      if (!isStarted) {
        isStarted = true
        return
      }
      const type = String.fromCharCode(packet[0] ?? 0)
      if (type === 'P') parsed = firstWord(textAt(packet, 5 + textAt(packet, 5).length + 1))
      if (type === 'B') bound = textAt(packet, 5 + textAt(packet, 5).length + 1) || parsed
      if (type === 'E') counter.count(bound)
      if (type === 'Q') counter.count(firstWord(textAt(packet, 5)))
    },
  )
}

const comQuery = 3
const comStmtExecute = 23

/** MySQL: commands begin with sequence number 0; the client's first packet, the login, does not. */
function mysqlParser(counter: StatementCounter): Parser {
  return packets(
    (buffer) => (buffer.length < 4 ? 0 : 4 + buffer.readUIntLE(0, 3)),
    (packet) => {
      if (packet[3] !== 0) return
      if (packet[4] === comQuery) counter.count(firstWord(packet.toString('latin1', 5)))
      if (packet[4] === comStmtExecute) counter.count('execute')
    },
  )
}

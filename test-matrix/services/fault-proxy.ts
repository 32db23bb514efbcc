import { connect, createServer } from 'node:net'
import type { Server, Socket } from 'node:net'
import { Lane } from './fault-link.js'
import type { Direction, Mode, Verdict } from './fault-link.js'
import { KafkaFrames } from './kafka-frames.js'
import type { KafkaRequest, Piece } from './kafka-frames.js'
import { freePort } from './run.js'

export type { Direction, Mode } from './fault-link.js'
export type { KafkaRequest, Piece } from './kafka-frames.js'

export interface FaultProxyOptions {
  readonly port: number
  readonly host?: string
  /** `kafka` cuts the streams into messages, which the rules about requests need. */
  readonly protocol?: 'raw' | 'kafka'
}

export interface Rule {
  /** How often it took effect: a test must see that its fault happened. */
  readonly hits: number
  /** Resolves at the next hit, or at once if there was one. */
  readonly hit: Promise<void>
  remove(): void
}

export interface RequestRule {
  readonly apiKey: number
  /** How many times it takes effect; once by default. */
  readonly times?: number
}

interface Link {
  readonly client: Socket
  readonly upstream: Socket
  readonly lanes: Record<Direction, Lane>
}

interface ActiveRule {
  readonly match: (piece: Piece) => boolean
  readonly verdict: Exclude<Verdict, 'pass'>
  readonly strike: () => void
}

export async function startFaultProxy(options: FaultProxyOptions): Promise<FaultProxy> {
  for (;;) {
    try {
      const proxy = new FaultProxy(options, await freePort())
      await proxy.heal()
      return proxy
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error
    }
  }
}

/** A TCP proxy in front of one server, and everything that a network can do to a connection. */
export class FaultProxy {
  readonly port: number
  readonly address: string
  readonly #target: { readonly port: number; readonly host: string }
  readonly #kafka: boolean
  readonly #links = new Set<Link>()
  readonly #modes: Record<Direction, Mode> = { up: 'pass', down: 'pass' }
  readonly #delays: Record<Direction, number> = { up: 0, down: 0 }
  readonly #rules = new Set<ActiveRule>()
  readonly #observers = new Set<(request: KafkaRequest) => void>()
  #server: Server | undefined

  constructor({ port, host = '127.0.0.1', protocol = 'raw' }: FaultProxyOptions, ownPort: number) {
    this.#target = { port, host }
    this.#kafka = protocol === 'kafka'
    this.port = ownPort
    this.address = `127.0.0.1:${ownPort}`
  }

  /** Connections that are open now. */
  get connections(): number {
    return this.#links.size
  }

  /** What happens to bytes towards the server (`up`), to the client (`down`), from now on. */
  set(direction: Direction | 'both', mode: Mode): void {
    for (const each of directions(direction)) this.#modes[each] = mode
    this.#pump()
  }

  /** Every byte takes this much longer. */
  delay(ms: number, direction: Direction | 'both' = 'both'): void {
    for (const each of directions(direction)) this.#delays[each] = ms
  }

  /** New connections find nobody listening; open ones go on. */
  async refuse(): Promise<void> {
    this.#server?.close()
    this.#server = undefined
  }

  /** Ends all connections with a reset, on both sides. */
  reset(): void {
    for (const { client, upstream } of this.#links) cut(client, upstream)
  }

  /** Tells one side that the other has finished sending, while bytes the other way still pass. */
  halfClose(side: 'client' | 'server' = 'client'): void {
    for (const { client, upstream } of this.#links) (side === 'client' ? client : upstream).end()
  }

  /** Everything works again and held bytes go out. Rules stay. */
  async heal(): Promise<void> {
    this.delay(0)
    this.set('both', 'pass')
    if (this.#server) return
    const server = createServer({ allowHalfOpen: true, noDelay: true }, (client) => this.#accept(client))
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen(this.port, '127.0.0.1', resolve)
    })
    this.#server = server
  }

  async close(): Promise<void> {
    await this.refuse()
    this.#rules.clear()
    for (const { client, upstream } of this.#links) cut(client, upstream)
  }

  /** Applies `verdict` to the pieces of any stream that `match`, `times` times. */
  when(match: (piece: Piece) => boolean, verdict: Exclude<Verdict, 'pass'>, times = 1): Rule {
    let hits = 0
    let report: () => void = () => undefined
    const hit = new Promise<void>((resolve) => {
      report = resolve
    })
    const rule: ActiveRule = {
      match,
      verdict,
      strike: () => {
        hits += 1
        if (hits >= times) this.#rules.delete(rule)
        report()
      },
    }
    this.#rules.add(rule)
    return {
      get hits() {
        return hits
      },
      hit,
      remove: () => void this.#rules.delete(rule),
    }
  }

  /** Kafka: the broker does what is asked, the client never hears of it. */
  dropResponse({ apiKey, times = 1 }: RequestRule): Rule {
    return this.when(isMessage('down', apiKey), 'drop', times)
  }

  dropRequest({ apiKey, times = 1 }: RequestRule): Rule {
    return this.when(isMessage('up', apiKey), 'drop', times)
  }

  /** Kafka: whatever follows on the same connection waits as well, as the protocol demands. */
  delayResponse({ apiKey, ms, times = 1 }: RequestRule & { readonly ms: number }): Rule {
    return this.when(isMessage('down', apiKey), { delayMs: ms }, times)
  }

  delayRequest({ apiKey, ms, times = 1 }: RequestRule & { readonly ms: number }): Rule {
    return this.when(isMessage('up', apiKey), { delayMs: ms }, times)
  }

  /** Kafka: resets the connection before the broker gets the request, or once it has answered. */
  cutOn({ apiKey, when, times = 1 }: RequestRule & { readonly when: 'request' | 'response' }): Rule {
    return this.when(isMessage(when === 'request' ? 'up' : 'down', apiKey), 'cut', times)
  }

  /** Kafka: calls `observer` for every request before it is passed on; returns how to end that. */
  onRequest(observer: (request: KafkaRequest) => void): () => void {
    this.#observers.add(observer)
    return () => void this.#observers.delete(observer)
  }

  #accept(client: Socket): void {
    const upstream = connect({ ...this.#target, allowHalfOpen: true, noDelay: true })
    const lane = (direction: Direction, from: Socket, to: Socket): Lane =>
      new Lane(
        from,
        to,
        () => this.#modes[direction],
        () => this.#delays[direction],
      )
    const lanes = { up: lane('up', client, upstream), down: lane('down', upstream, client) }
    const link: Link = { client, upstream, lanes }
    this.#links.add(link)
    const frames = this.#kafka ? new KafkaFrames() : undefined
    this.#connect(link, 'up', client, upstream, frames)
    this.#connect(link, 'down', upstream, client, frames)
  }

  #connect(
    link: Link,
    direction: Direction,
    from: Socket,
    to: Socket,
    frames: KafkaFrames | undefined,
  ): void {
    from.on('data', (chunk) => {
      const pieces = frames?.split(direction, chunk) ?? [{ direction, bytes: chunk }]
      for (const piece of pieces) this.#forward(link, piece)
    })
    from.on('end', () => link.lanes[direction].end())
    from.on('error', () => {
      // A reset is passed on as one, unless the network is one that passes nothing on.
      if (this.#modes[direction] === 'pass') to.resetAndDestroy()
    })
    from.on('close', () => {
      if (to.destroyed) this.#links.delete(link)
    })
  }

  #forward(link: Link, piece: Piece): void {
    if (piece.direction === 'up' && piece.request)
      for (const observer of this.#observers) observer(piece.request)
    const rule = [...this.#rules].find(({ match }) => match(piece))
    const verdict = rule?.verdict ?? 'pass'
    rule?.strike()
    if (verdict === 'drop') return
    if (verdict === 'cut') cut(link.client, link.upstream)
    else link.lanes[piece.direction].push(piece.bytes, verdict === 'pass' ? 0 : verdict.delayMs)
  }

  #pump(): void {
    for (const { lanes } of this.#links) {
      lanes.up.pump()
      lanes.down.pump()
    }
  }
}

const directions = (direction: Direction | 'both'): readonly Direction[] =>
  direction === 'both' ? ['up', 'down'] : [direction]

const isMessage =
  (direction: Direction, apiKey: number) =>
  (piece: Piece): boolean =>
    piece.direction === direction && piece.request?.apiKey === apiKey

function cut(client: Socket, upstream: Socket): void {
  client.resetAndDestroy()
  upstream.resetAndDestroy()
}

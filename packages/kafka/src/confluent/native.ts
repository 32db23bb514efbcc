import { OutboxError } from '@outboxkit/core'

/**
 * The little that is used of `@confluentinc/kafka-javascript`, in structure: its own types would have to be
 * installed to compile against this package.
 */
export interface NativeModule {
  readonly Producer: new (config: Readonly<Record<string, unknown>>) => NativeProducer
  readonly AdminClient: { createFrom(client: NativeProducer): NativeAdmin }
}

type Done<T> = (error: NativeError | null | undefined, result: T) => void

export interface NativeProducer {
  connect(options: { readonly timeout: number; readonly allTopics: boolean }, done: Done<unknown>): unknown
  disconnect(flushMs: number, done: () => void): unknown
  /** Throws. Takes a copy. */
  produce(
    topic: string,
    partition: number,
    value: Buffer | null,
    key: Buffer | null,
    timestamp: number,
    opaque: undefined,
    headers: readonly Readonly<Record<string, Buffer>>[],
  ): unknown
  flush(timeoutMs: number, done: (error: unknown) => void): unknown
  poll(): unknown
  on(event: 'delivery-report', listener: (error: NativeError | null, report: NativeReport) => void): unknown
  on(event: 'event.error', listener: (error: NativeError) => void): unknown
  on(event: 'event.log', listener: (entry: NativeLog) => void): unknown
}

export interface NativeAdmin {
  createTopic(
    topic: { readonly topic: string; readonly num_partitions: number; readonly replication_factor: number },
    timeoutMs: number,
    done: (error?: NativeError) => void,
  ): unknown
  describeTopics(
    topics: readonly string[],
    options: { readonly timeout: number },
    done: Done<readonly NativeTopic[]>,
  ): unknown
}

/** `code`: of the protocol, or negative: of librdkafka. */
export interface NativeError {
  readonly code?: unknown
  readonly message?: unknown
}

export interface NativeReport {
  readonly topic: string
  readonly partition: number
}

export interface NativeLog {
  /** As of syslog: 3 is an error, 7 is for debugging. */
  readonly severity?: unknown
  readonly message?: unknown
}

export interface NativeTopic {
  readonly name: string
  readonly error?: NativeError | undefined
  readonly partitions: readonly {
    readonly partition: number
    readonly leader?: { readonly id: number } | undefined
    readonly replicas: readonly unknown[]
  }[]
}

const install =
  'The driver confluent() needs the package @confluentinc/kafka-javascript 1.10 or newer with its native part: npm install @confluentinc/kafka-javascript. Its install script fetches that part, or builds it where there is none for the platform; it must be allowed to run.'

/** Loads the package. Throws `OUTBOX_DRIVER_UNSUPPORTED` when it or its native part is not there. */
export async function loadConfluent(): Promise<NativeModule> {
  try {
    // A name in a variable, so that no compiler or bundler looks for a package that need not be there.
    const name = '@confluentinc/kafka-javascript'
    return fromModule(await import(name))
  } catch (error) {
    throw new OutboxError('OUTBOX_DRIVER_UNSUPPORTED', install, { cause: error })
  }
}

/** The package is CommonJS: what it exports is the default export of the module. Throws when it is something else. */
export function fromModule(module: unknown): NativeModule {
  const { default: inner } = module as { default?: unknown }
  for (const candidate of [inner, module] as Partial<NativeModule>[])
    if (typeof candidate?.Producer === 'function' && candidate.AdminClient !== undefined)
      return candidate as NativeModule
  throw new TypeError('the module @confluentinc/kafka-javascript has no Producer')
}

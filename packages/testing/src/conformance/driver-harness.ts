/**
 * What the driver suite needs. The driver's types are repeated here in structure, so that this package does not
 * depend on `@outboxkit/kafka`: a driver of that package is a `DriverUnderTest`, or does not compile.
 */
export interface DriverUnderTest {
  readonly name: string
  connect(signal: AbortSignal): Promise<void>
  describeTopic(topic: string, signal: AbortSignal): Promise<LookupUnderTest>
  createTopic(
    topic: string,
    shape: { readonly partitions: number; readonly replicationFactor: number },
    signal: AbortSignal,
  ): Promise<{ readonly status: 'created' } | { readonly status: 'failed'; readonly code: string }>
  send(
    batches: readonly BatchUnderTest[],
    options: { readonly signal: AbortSignal; readonly deadlineMs: number },
  ): Promise<readonly OutcomeUnderTest[]>
  reset(): Promise<void>
  close(): Promise<void>
}

export interface BatchUnderTest {
  readonly topic: string
  readonly partition: number
  readonly records: readonly RecordUnderTest[]
}

export interface RecordUnderTest {
  readonly key: Uint8Array | string | null
  readonly value: Uint8Array | string | null
  readonly headers: readonly (readonly [string, string | null])[]
}

export type OutcomeUnderTest =
  | { readonly status: 'written' }
  | { readonly status: 'failed'; readonly code: string; readonly message: string }
  | { readonly status: 'too-large' }
  | { readonly status: 'rejected'; readonly code: string; readonly message: string }
  | { readonly status: 'unknown'; readonly code: string; readonly message: string }

export type LookupUnderTest =
  | {
      readonly status: 'found'
      readonly topic: {
        readonly partitions: number
        readonly maxMessageBytes: number | null
        readonly replicationFactor: number | null
        readonly minInsyncReplicas: number | null
      }
    }
  | { readonly status: 'missing' }
  | { readonly status: 'failed'; readonly code: string; readonly message: string }

/** A record as a client reads it back that has nothing to do with the driver. */
export interface ReadRecord {
  readonly partition: number
  readonly timestamp: number
  readonly key: Uint8Array | null
  readonly value: Uint8Array | null
  readonly headers: readonly (readonly [string, Uint8Array | null])[]
}

export interface TopicSettings {
  readonly partitions?: number
  readonly config?: Readonly<Record<string, string>>
}

/** How often a fault has happened: a test whose fault never struck proves nothing. */
export interface FaultUnderTest {
  readonly hits: number
  remove(): void
}

/** A produce request as the network sees it. */
export interface ProducedRequest {
  readonly acks: number
  readonly places: readonly { readonly topic: string; readonly partition: number }[]
  /** What the client had no answer to yet when it sent this. Exact while no fault but held answers is at work. */
  readonly during: readonly ProducedRequest[]
}

/** What lies between the driver and the cluster. Produce requests and their answers can be disturbed. */
export interface NetworkUnderTest {
  /** The broker writes, the client never hears of it. */
  dropAnswer(): FaultUnderTest
  delayRequest(ms: number): FaultUnderTest
  cutOn(moment: 'request' | 'response'): FaultUnderTest
  /** The broker does what it is asked; all of its answers wait here until {@link passAnswers}. */
  holdAnswers(): void
  /** Gives the client the answers that wait, at once, and from now on every other. */
  passAnswers(): void
  /** Bytes vanish in both directions while connections stay open. */
  silence(): void
  /** Everything passes again, and new connections are accepted. */
  heal(): Promise<void>
  /** Nobody listens any more, and open connections are reset. */
  shut(): Promise<void>
  /** Produce requests seen so far. */
  readonly produced: readonly ProducedRequest[]
  /** Connections that are open now. */
  readonly openConnections: number
}

export interface ClusterUnderTest {
  /** host:port, through {@link network}. */
  readonly bootstrap: readonly string[]
  readonly network: NetworkUnderTest
  /** A new topic that is ready; returns its name. */
  createTopic(settings?: TopicSettings): Promise<string>
  deleteTopic(topic: string): Promise<void>
  topicExists(topic: string): Promise<boolean>
  /** Everything in the topic, partition by partition in the order of the offsets. */
  read(topic: string): Promise<readonly ReadRecord[]>
  close(): Promise<void>
}

export interface DriverHarness {
  readonly name: string
  /** One broker without automatic creation of topics. Started once for the suite. */
  openCluster(): Promise<ClusterUnderTest>
  createDriver(bootstrap: readonly string[]): DriverUnderTest
  /** `false`: the client cannot ask for a topic's configuration, so the driver describes it with nulls. */
  readonly describesConfig?: false
}

/** The cluster of the suite, and new drivers that are closed after their test. */
export interface DriverSuite {
  readonly cluster: ClusterUnderTest
  readonly describesConfig: boolean
  driver(): DriverUnderTest
}

export const never: AbortSignal = new AbortController().signal

/** The partitions of the topic that requests have asked to write to, in the order of the requests. */
export const partitionsOf = (requests: readonly ProducedRequest[], topic: string): readonly number[] =>
  requests.flatMap(({ places }) =>
    places.filter((place) => place.topic === topic).map(({ partition }) => partition),
  )

/** The most requests that were in flight at once for one partition of the topic, as the network saw it. */
export function mostInFlight(requests: readonly ProducedRequest[], topic: string): number {
  const counts = requests.flatMap((request) =>
    partitionsOf([request], topic).map(
      (partition) => partitionsOf([...request.during, request], topic).filter((p) => p === partition).length,
    ),
  )
  return Math.max(0, ...counts)
}

export const record = (value: string, fields: Partial<RecordUnderTest> = {}): RecordUnderTest => ({
  key: 'k',
  value,
  headers: [],
  ...fields,
})

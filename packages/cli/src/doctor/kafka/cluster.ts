import type { Admin, Kafka, KafkaConfig } from 'kafkajs'
import type { KafkaSettings } from '../../config/resolved.js'
import { redactor } from '../../database/failure.js'

/** One broker: reached at this address, or why not. */
export interface BrokerAnswer {
  readonly address: string
  /** Given in the configuration, or what the cluster itself names. */
  readonly origin: 'configured' | 'advertised'
  readonly error: string | undefined
}

export interface PartitionFacts {
  readonly partition: number
  /** -1: none. */
  readonly leader: number
  readonly replicas: number
  readonly inSync: number
}

export type TopicAnswer =
  | {
      readonly status: 'found'
      readonly name: string
      readonly partitions: readonly PartitionFacts[]
      /** Empty: they may not be read. */
      readonly config: Readonly<Record<string, string>>
    }
  | { readonly status: 'missing'; readonly name: string }
  | { readonly status: 'failed'; readonly name: string; readonly type: string; readonly message: string }

export interface ClusterAnswer {
  readonly brokers: readonly BrokerAnswer[]
  readonly topics: readonly TopicAnswer[]
  /** Whether brokers create topics that somebody asks for; `undefined`: not told. */
  readonly createsTopics: boolean | undefined
}

const topicResource = 2
const brokerResource = 4
const topicConfigs = [
  'cleanup.policy',
  'max.message.bytes',
  'min.insync.replicas',
  'retention.bytes',
  'retention.ms',
  'unclean.leader.election.enable',
]

/** Looks at the cluster with kafkajs, whatever driver publishes. Rejects for nothing that it finds. */
export async function readCluster(
  settings: KafkaSettings,
  topics: readonly string[],
  timeoutMs: number,
): Promise<ClusterAnswer> {
  const { Kafka: Class, logLevel } = await import('kafkajs')
  const client = settings.client as unknown as KafkaConfig
  const redact = redactor(secretsOf(client))
  const open = (brokers: readonly string[]): Kafka =>
    new Class({
      clientId: 'outboxkit-doctor',
      ...client,
      brokers: [...brokers],
      connectionTimeout: timeoutMs,
      authenticationTimeout: timeoutMs,
      requestTimeout: timeoutMs,
      logLevel: logLevel.NOTHING,
      logCreator: () => () => undefined,
      retry: { retries: 2, initialRetryTime: 100, maxRetryTime: 500 },
    })
  const reach = async (address: string, origin: BrokerAnswer['origin']): Promise<BrokerAnswer> => {
    const error = await withAdmin(open([address]), () => Promise.resolve(undefined)).catch(
      (thrown: unknown) => redact(describe(thrown).message),
    )
    return { address, origin, error }
  }
  const configured = await Promise.all(settings.brokers.map((address) => reach(address, 'configured')))
  const working = configured.filter(({ error }) => error === undefined).map(({ address }) => address)
  if (working.length === 0) return { brokers: configured, topics: [], createsTopics: undefined }
  const found = await withAdmin(open(working), async (admin) => ({
    nodes: await nodesOf(admin),
    topics: await readTopics(admin, topics, redact),
  })).catch(() => ({ nodes: [], topics: [] }))
  const addresses = found.nodes.map(({ host, port }) => `${host}:${port}`)
  const advertised = await Promise.all(
    addresses.filter((address) => !working.includes(address)).map((address) => reach(address, 'advertised')),
  )
  return {
    brokers: [...configured, ...advertised],
    topics: found.topics,
    createsTopics: await withAdmin(open(working), (admin) => createsTopics(admin, found.nodes)).catch(
      () => undefined,
    ),
  }
}

async function withAdmin<T>(kafka: Kafka, work: (admin: Admin) => Promise<T>): Promise<T> {
  const admin = kafka.admin()
  try {
    await admin.connect()
    return await work(admin)
  } finally {
    await admin.disconnect().catch(() => undefined)
  }
}

type Node = { readonly nodeId: number; readonly host: string; readonly port: number }

async function nodesOf(admin: Admin): Promise<readonly Node[]> {
  return (await admin.describeCluster().catch(() => ({ brokers: [] as Node[] }))).brokers
}

async function readTopics(
  admin: Admin,
  names: readonly string[],
  redact: (text: string) => string,
): Promise<TopicAnswer[]> {
  const answers: TopicAnswer[] = []
  for (const name of names) answers.push(await readTopic(admin, name, redact))
  return answers
}

async function readTopic(admin: Admin, name: string, redact: (text: string) => string): Promise<TopicAnswer> {
  try {
    const { topics } = await admin.fetchTopicMetadata({ topics: [name] })
    const partitions = topics.find((topic) => topic.name === name)?.partitions ?? []
    if (partitions.length === 0) return { status: 'missing', name }
    return {
      status: 'found',
      name,
      partitions: partitions.map(({ partitionId, leader, replicas, isr }) => ({
        partition: partitionId,
        leader,
        replicas: replicas.length,
        inSync: isr.length,
      })),
      config: await configOf(admin, topicResource, name, topicConfigs),
    }
  } catch (error) {
    const { type, message } = describe(error)
    if (type === 'UNKNOWN_TOPIC_OR_PARTITION') return { status: 'missing', name }
    return { status: 'failed', name, type, message: redact(message) }
  }
}

async function createsTopics(admin: Admin, [first]: readonly Node[]): Promise<boolean | undefined> {
  if (first === undefined) return undefined
  const setting = 'auto.create.topics.enable'
  const value = (await configOf(admin, brokerResource, String(first.nodeId), [setting]))[setting]
  return value === undefined ? undefined : value === 'true'
}

/** Empty when the right to describe configurations is missing. */
async function configOf(
  admin: Admin,
  type: number,
  name: string,
  names: readonly string[],
): Promise<Readonly<Record<string, string>>> {
  try {
    const { resources } = await admin.describeConfigs({
      includeSynonyms: false,
      resources: [{ type, name, configNames: [...names] }],
    })
    const entries = resources.find(({ resourceName }) => resourceName === name)?.configEntries ?? []
    return Object.fromEntries(entries.map(({ configName, configValue }) => [configName, configValue]))
  } catch {
    return {}
  }
}

/** kafkajs wraps the broker's answer, perhaps several times. */
function describe(error: unknown): { readonly type: string; readonly message: string } {
  const { type, cause, originalError, message } = error as {
    type?: unknown
    cause?: unknown
    originalError?: unknown
    message?: unknown
  }
  if (typeof type === 'string') return { type, message: String(message) }
  const inner = cause ?? originalError
  if (inner !== undefined && inner !== null && inner !== error) return describe(inner)
  return { type: '', message: typeof message === 'string' && message !== '' ? message : String(error) }
}

function secretsOf({ sasl }: KafkaConfig): (string | undefined)[] {
  return Object.values((sasl ?? {}) as object).map((value: unknown) =>
    typeof value === 'string' ? value : undefined,
  )
}

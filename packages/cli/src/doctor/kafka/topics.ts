import { humanBytes, humanMs } from '../limits.js'
import { problem, type Problem } from '../finding.js'
import type { PartitionFacts, TopicAnswer } from './cluster.js'

/** Kafka's own default. */
const defaultMaxMessageBytes = 1_048_588
/** Record batch, key, headers and envelope around a payload. */
const envelopeBytes = 16_384
const oneDayMs = 86_400_000

export interface TopicWishes {
  readonly maxPayloadBytes: number
  /** The relay creates missing topics. */
  readonly createsTopics?: boolean | undefined
}

export function judgeTopic(
  topic: TopicAnswer,
  { maxPayloadBytes, createsTopics = false }: TopicWishes,
): Problem[] {
  if (topic.status === 'missing') return [missing(topic.name, createsTopics)]
  if (topic.status === 'failed') return [failed(topic)]
  const { name, partitions, config } = topic
  const minInSync = Number(config['min.insync.replicas'] ?? Number.NaN)
  return [
    ...leaders(name, partitions, minInSync),
    ...count(name, partitions),
    ...replication(name, partitions, minInSync),
    ...election(name, config['unclean.leader.election.enable']),
    ...size(name, config['max.message.bytes'], maxPayloadBytes),
    ...cleanup(name, config['cleanup.policy']),
    ...retention(name, config['retention.ms'], config['cleanup.policy']),
  ]
}

function missing(name: string, createsTopics: boolean): Problem {
  if (createsTopics)
    return problem(
      'info',
      'topics',
      `The topic '${name}' does not exist yet: the relay will create it, as createTopics says.`,
      'Nothing.',
    )
  return problem(
    'fatal',
    'topics',
    `The topic '${name}' does not exist: its events wait until it does.`,
    `Create it: kafka-topics.sh --create --topic ${name} --partitions 12 --replication-factor 3 --config min.insync.replicas=2 (with a single broker: replication factor 1); or let the relay create topics: kafka.createTopics, or OUTBOXKIT_KAFKA_CREATE_TOPICS_PARTITIONS and OUTBOXKIT_KAFKA_CREATE_TOPICS_REPLICATION_FACTOR.`,
  )
}

function failed({ name, type, message }: TopicAnswer & { status: 'failed' }): Problem {
  if (type === 'TOPIC_AUTHORIZATION_FAILED')
    return problem(
      'fatal',
      'topics',
      `The account may not see the topic '${name}'.`,
      `Grant it Describe, DescribeConfigs and Write: kafka-acls.sh --add --allow-principal User:… --operation Describe --operation DescribeConfigs --operation Write --topic ${name}`,
    )
  return problem('warning', 'topics', `The topic '${name}' could not be looked at: ${message}`, 'Try again.')
}

function leaders(name: string, partitions: readonly PartitionFacts[], minInSync: number): Problem[] {
  const without = partitions.filter(({ leader }) => leader < 0)
  if (without.length > 0)
    return [
      problem(
        'fatal',
        'topic-leaders',
        `${without.length} of ${partitions.length} partitions of '${name}' have no leader: their events cannot be published now.`,
        'Bring the brokers that have their replicas up again.',
      ),
    ]
  const few = partitions.filter(({ inSync }) => inSync < minInSync)
  if (few.length > 0)
    return [
      problem(
        'fatal',
        'topic-leaders',
        `${few.length} of ${partitions.length} partitions of '${name}' have fewer in-sync replicas than min.insync.replicas (${minInSync}): their events cannot be published now.`,
        minInSync > Math.min(...partitions.map(({ replicas }) => replicas))
          ? 'min.insync.replicas is above the replication factor: lower it, or add replicas.'
          : 'Bring the brokers that have fallen behind up again.',
      ),
    ]
  const behind = partitions.filter(({ inSync, replicas }) => inSync < replicas)
  if (behind.length === 0) return []
  return [
    problem(
      'warning',
      'topic-leaders',
      `${behind.length} of ${partitions.length} partitions of '${name}' have replicas that are not in sync.`,
      'Look after the brokers that have fallen behind.',
    ),
  ]
}

function count(name: string, partitions: readonly PartitionFacts[]): Problem[] {
  if (partitions.length > 1) return []
  return [
    problem(
      'info',
      'topic-partitions',
      `The topic '${name}' has one partition: one consumer of a group reads it, and the relay sends one batch of it at a time.`,
      'If that is too slow one day, make a new topic with more: adding partitions moves keys to other ones, and their order is kept only from there on.',
    ),
  ]
}

function replication(name: string, partitions: readonly PartitionFacts[], minInSync: number): Problem[] {
  const replicas = Math.min(...partitions.map((partition) => partition.replicas))
  if (replicas === 1)
    return [
      problem(
        'warning',
        'replication-factor',
        `The topic '${name}' has replication factor 1: with its broker's disk, events are lost that were acknowledged and have left the outbox.`,
        'Use replication factor 3 and min.insync.replicas 2.',
      ),
    ]
  if (minInSync !== 1) return []
  return [
    problem(
      'warning',
      'min-insync-replicas',
      `The topic '${name}' has min.insync.replicas 1: one broker alone may acknowledge an event, and be lost with it.`,
      `Run: kafka-configs.sh --alter --topic ${name} --add-config min.insync.replicas=2`,
    ),
  ]
}

function election(name: string, value: string | undefined): Problem[] {
  if (value !== 'true') return []
  return [
    problem(
      'warning',
      'unclean-leader-election',
      `The topic '${name}' has unclean.leader.election.enable: a replica that has fallen behind may become the leader, and acknowledged events are gone.`,
      `Run: kafka-configs.sh --alter --topic ${name} --add-config unclean.leader.election.enable=false`,
    ),
  ]
}

function size(name: string, value: string | undefined, maxPayloadBytes: number): Problem[] {
  const limit = Number(value ?? defaultMaxMessageBytes)
  const needed = maxPayloadBytes + envelopeBytes
  if (limit >= needed) return []
  return [
    problem(
      'warning',
      'message-size',
      `The topic '${name}' takes ${humanBytes(limit)} (max.message.bytes); emit() lets payloads of ${humanBytes(maxPayloadBytes)} pass (maxPayloadBytes), and the envelope comes on top. A larger event is held for good, and all later ones of its key with it.`,
      `Run: kafka-configs.sh --alter --topic ${name} --add-config max.message.bytes=${needed}; or lower maxPayloadBytes in the application and in the configuration.`,
    ),
  ]
}

function cleanup(name: string, policy: string | undefined): Problem[] {
  if (policy === undefined || !policy.includes('compact')) return []
  return [
    problem(
      'warning',
      'cleanup-policy',
      `The topic '${name}' is compacted: of each key only the last event stays, and consumers that are behind never see the others. Events without a key are refused.`,
      `For events use cleanup.policy=delete; compaction fits topics that carry the whole state.`,
    ),
  ]
}

function retention(name: string, value: string | undefined, policy: string | undefined): Problem[] {
  const ms = Number(value ?? -1)
  if (ms < 0 || ms >= oneDayMs || policy === 'compact') return []
  return [
    problem(
      'warning',
      'retention',
      `The topic '${name}' keeps events for ${humanMs(ms)} (retention.ms): a consumer that is down for longer loses them, and they have left the outbox.`,
      `Run: kafka-configs.sh --alter --topic ${name} --add-config retention.ms=604800000`,
    ),
  ]
}

import type { KafkaSettings, ResolvedOutbox } from '../../config/resolved.js'
import { runFamily, type Finding } from '../finding.js'
import { judgeBrokers, judgeKafkaTls, judgeTopicCreation } from './brokers.js'
import { readCluster, type ClusterAnswer } from './cluster.js'
import { judgeTopic } from './topics.js'

/** How long one broker may take to answer, in ms. */
const timeoutMs = 5_000

/** Looks at the cluster and at these topics. */
export async function kafkaFindings(
  settings: KafkaSettings,
  { maxPayloadBytes }: Pick<ResolvedOutbox, 'maxPayloadBytes'>,
  topics: readonly string[],
): Promise<Finding[]> {
  let cluster: ClusterAnswer = { brokers: [], topics: [], createsTopics: undefined }
  const brokers = await runFamily({
    checks: ['brokers', 'kafka-tls'],
    run: async () => {
      cluster = await readCluster(settings, topics, timeoutMs)
      return [...judgeBrokers(cluster.brokers), ...judgeKafkaTls(settings)]
    },
  })
  const { createsTopics } = settings
  const ofTopics = await runFamily({
    // What is well is said only of topics that could be looked at.
    checks: [
      ...(cluster.topics.length > 0 ? (['topics'] as const) : []),
      ...(cluster.topics.some(({ status }) => status === 'found') ? topicChecks : []),
      ...(cluster.createsTopics === undefined ? [] : (['topic-creation'] as const)),
    ],
    run: () =>
      Promise.resolve([
        ...cluster.topics.flatMap((topic) => judgeTopic(topic, { maxPayloadBytes, createsTopics })),
        ...judgeTopicCreation(cluster.createsTopics),
      ]),
  })
  return [...brokers, ...ofTopics]
}

const topicChecks = [
  'topic-leaders',
  'topic-partitions',
  'replication-factor',
  'min-insync-replicas',
  'unclean-leader-election',
  'message-size',
  'cleanup-policy',
  'retention',
] as const

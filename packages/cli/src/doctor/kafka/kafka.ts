import type { KafkaSettings, ResolvedOutbox } from '../../config/resolved.js'
import { runFamily, type Finding } from '../finding.js'
import { judgeBrokers, judgeKafkaTls, judgeTopicCreation } from './brokers.js'
import { readCluster } from './cluster.js'
import { judgeTopic } from './topics.js'

/** How long one broker may take to answer, in ms. */
const timeoutMs = 5_000

/** Looks at the cluster and at these topics. */
export async function kafkaFindings(
  settings: KafkaSettings,
  { maxPayloadBytes }: Pick<ResolvedOutbox, 'maxPayloadBytes'>,
  topics: readonly string[],
): Promise<Finding[]> {
  return runFamily({
    checks: ['brokers', 'kafka-tls', ...(topics.length === 0 ? [] : topicChecks), 'topic-creation'],
    run: async () => {
      const { brokers, topics: found, createsTopics } = await readCluster(settings, topics, timeoutMs)
      return [
        ...judgeBrokers(brokers),
        ...judgeKafkaTls(settings),
        ...found.flatMap((topic) => judgeTopic(topic, maxPayloadBytes)),
        ...judgeTopicCreation(createsTopics),
      ]
    },
  })
}

const topicChecks = [
  'topics',
  'topic-leaders',
  'topic-partitions',
  'replication-factor',
  'min-insync-replicas',
  'unclean-leader-election',
  'message-size',
  'cleanup-policy',
  'retention',
] as const

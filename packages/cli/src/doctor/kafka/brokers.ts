import type { KafkaSettings } from '../../config/resolved.js'
import { isLoopback } from '../loopback.js'
import { problem, type Problem } from '../finding.js'
import type { BrokerAnswer } from './cluster.js'

export function judgeBrokers(brokers: readonly BrokerAnswer[]): Problem[] {
  const configured = brokers.filter(({ origin }) => origin === 'configured')
  if (configured.length === 0)
    return [
      problem(
        'info',
        'brokers',
        'The brokers are not known: the configuration has them in a function.',
        'Start the relay and see.',
      ),
    ]
  const isDown = configured.every(({ error }) => error !== undefined)
  const problems = brokers.flatMap(({ address, origin, error }) =>
    error === undefined ? [] : [unreachable(address, origin, error, isDown)],
  )
  const all = new Set(brokers.map(({ address }) => address))
  if (configured.length === 1 && all.size > 2)
    problems.push(
      problem(
        'info',
        'brokers',
        `The configuration names one broker of ${all.size - 1} or more: while that one is down, a relay cannot start.`,
        'Name two or three.',
      ),
    )
  return problems
}

function unreachable(
  address: string,
  origin: BrokerAnswer['origin'],
  error: string,
  isDown: boolean,
): Problem {
  if (origin === 'advertised')
    return problem(
      'fatal',
      'brokers',
      `The cluster names the broker ${address}, which cannot be reached from here: ${error}. Events for partitions that it leads are not published.`,
      'Set advertised.listeners of that broker to an address that this machine can reach, and look whether it is up.',
    )
  return problem(
    isDown ? 'fatal' : 'warning',
    'brokers',
    `The broker ${address} does not answer: ${error}`,
    'Is it running, is the address right, and do TLS and SASL settings fit its listener?',
  )
}

export function judgeKafkaTls({ brokers, client }: Pick<KafkaSettings, 'brokers' | 'client'>): Problem[] {
  const isEncrypted = client['ssl'] !== undefined && client['ssl'] !== false
  const remote = brokers.find((address) => !isLoopback(address))
  if (isEncrypted || remote === undefined) return []
  const hasPassword = client['sasl'] !== undefined
  return [
    problem(
      hasPassword ? 'warning' : 'info',
      'kafka-tls',
      `The connection to ${remote} is not encrypted${hasPassword ? ', and a password goes over it' : ''}.`,
      'If the network between is not your own, use a TLS listener and set ssl: true.',
    ),
  ]
}

export function judgeTopicCreation(createsTopics: boolean | undefined): Problem[] {
  if (createsTopics !== true) return []
  return [
    problem(
      'info',
      'topic-creation',
      'auto.create.topics.enable is on: whoever asks for a topic that is not there makes it, with the defaults for partitions and replicas. The relay never does.',
      'Set it to false, and create topics on purpose.',
    ),
  ]
}

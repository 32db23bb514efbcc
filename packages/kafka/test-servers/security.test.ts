import { inspect } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { KafkaServer } from '../../../test-matrix/services/server.js'
import { readTopic, uniqueTopic } from '../../../test-matrix/services/test-context.js'
import { kafkaPublisher } from '../src/index.js'
import { kafkajs, type KafkajsLogger, type KafkajsOptions } from '../src/kafkajs/index.js'
import { storedEvent } from '../test/event.js'
import { openSecureKafka, password, type SecureKafka } from './support/secure-kafka.js'
import { createTopic } from './support/topics.js'

const never = new AbortController().signal
const wrong = 'wr0ng-S3cret-pa55'

let secure: SecureKafka
let kafka: KafkaServer
beforeAll(async () => {
  secure = await openSecureKafka()
  kafka = secure.kafka
})
afterAll(() => secure?.close())

/** Everything that a publisher with these options says and does, as one text. */
async function publishWith(
  options: KafkajsOptions,
): Promise<{ status: string | undefined; topic: string; said: string }> {
  const topic = await createTopic(kafka.bootstrap, uniqueTopic('secure'))
  const logged: unknown[] = []
  const logger: KafkajsLogger = (entry) => logged.push(entry)
  const publisher = kafkaPublisher({
    driver: kafkajs({ logger, logLevel: 5, ...options }),
    onWarning: () => {},
    publishTimeoutMs: 10_000,
  })
  try {
    const opened = await publisher.open?.().then(
      () => undefined,
      (error: unknown) => error,
    )
    const outcomes = await publisher.publish([storedEvent(1, { topic })], { signal: never })
    const said = inspect([opened, outcomes, logged, publisher], {
      depth: 20,
      showHidden: true,
      maxStringLength: null,
    })
    return { status: outcomes[0]?.status, topic, said }
  } finally {
    await publisher.close()
  }
}

describe('SASL', () => {
  const sasl = (text: string): KafkajsOptions => ({
    brokers: [...kafka.sasl],
    sasl: { mechanism: 'plain', username: 'app', password: text },
  })

  it('publishes with the right password and shows it nowhere', async () => {
    const { status, topic, said } = await publishWith(sasl(password))
    expect(status).toBe('published')
    expect(await readTopic(kafka.bootstrap, topic)).toHaveLength(1)
    expect(said).not.toContain(password)
    // The log is not empty, or this test says nothing.
    expect(said).toContain('Request')
  })

  it('retries with a wrong password, says so, and shows it nowhere', async () => {
    const { status, said } = await publishWith(sasl(wrong))
    expect(status).toBe('retry')
    expect(said).toMatch(/SASL_AUTHENTICATION_FAILED/)
    expect(said).not.toContain(wrong)
    expect(said).not.toContain(Buffer.from(`\0app\0${wrong}`).toString('base64'))
  })
})

describe('TLS', () => {
  it('publishes when it trusts the certificate', async () => {
    const { status, topic } = await publishWith({
      brokers: [...kafka.proxied],
      ssl: { ca: [secure.certificate] },
    })
    expect(status).toBe('published')
    expect(await readTopic(kafka.bootstrap, topic)).toHaveLength(1)
  })

  it('does not when it does not', async () => {
    const { status, said } = await publishWith({ brokers: [...kafka.proxied], ssl: true })
    expect(status).toBe('retry')
    expect(said).toMatch(/self-signed certificate/)
  })

  it('shows no key, also when it is broken', async () => {
    const broken = '-----BEGIN PRIVATE KEY-----\nMIIEsecretsecretsecret\n-----END PRIVATE KEY-----\n'
    const { status, said } = await publishWith({
      brokers: [...kafka.proxied],
      ssl: { ca: [secure.certificate], key: broken, cert: secure.certificate, passphrase: 'open sesame' },
    })
    expect(status).toBe('retry')
    expect(said).not.toContain('MIIEsecretsecretsecret')
    expect(said).not.toContain('open sesame')
  })
})

import { inspect } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { readTopic, uniqueTopic } from '../../../test-matrix/services/test-context.js'
import type { SaslOptions } from '../src/connection.js'
import { kafkaPublisher, type KafkaDriver } from '../src/index.js'
import { platformatic } from '../src/platformatic/index.js'
import { storedEvent } from '../test/event.js'
import { confluent, confluentSkip, runsConfluent } from './support/confluent.js'
import { platformaticSkip, runsPlatformatic } from './support/platformatic.js'
import { openSecureKafka, password, user, type SecureKafka } from './support/secure-kafka.js'
import { suiteWhere } from './support/suite-where.js'
import { createTopic } from './support/topics.js'

const wrong = 'wr0ng-S3cret-pa55'
const brokenKey = '-----BEGIN PRIVATE KEY-----\nMIIEsecretsecretsecret\n-----END PRIVATE KEY-----\n'

/** What both drivers take; kafkajs, with its own configuration, has security.test.ts. */
interface Options {
  readonly brokers: readonly string[]
  readonly sasl?: SaslOptions
  readonly ssl?:
    | boolean
    | {
        readonly ca: string
        readonly cert?: string
        readonly key?: string
        readonly passphrase?: string
      }
}

suiteWhere(runsPlatformatic, platformaticSkip, () => securitySuite('platformatic', platformatic))
suiteWhere(runsConfluent, confluentSkip, () => securitySuite('confluent', confluent))

function securitySuite(name: string, create: (options: Options) => KafkaDriver): void {
  describe(`security: ${name}`, () => {
    let secure: SecureKafka
    beforeAll(async () => {
      secure = await openSecureKafka()
    })
    afterAll(() => secure?.close())

    /** Everything that a publisher with these options says and does, as one text. */
    async function publishWith(
      options: Options,
    ): Promise<{ status: string | undefined; written: number; said: string }> {
      const { bootstrap } = secure.kafka
      const topic = await createTopic(bootstrap, uniqueTopic('secure'))
      const driver = create(options)
      const publisher = kafkaPublisher({ driver, onWarning: () => {}, publishTimeoutMs: 8_000 })
      try {
        const opened = await publisher.open?.().then(
          () => undefined,
          (error: unknown) => error,
        )
        const outcomes = await publisher.publish([storedEvent(1, { topic })], {
          signal: new AbortController().signal,
        })
        const said = inspect([opened, outcomes, publisher], {
          depth: 20,
          showHidden: true,
          maxStringLength: null,
        })
        const written = await readTopic(bootstrap, topic)
        return { status: outcomes[0]?.status, written: written.length, said }
      } finally {
        await publisher.close()
      }
    }

    it('publishes with the right password and shows it nowhere', async () => {
      const { status, written, said } = await publishWith({
        brokers: [...secure.kafka.sasl],
        sasl: { mechanism: 'plain', username: user, password },
      })
      expect([status, written]).toEqual(['published', 1])
      expect(said).not.toContain(password)
    })

    it('retries with a wrong password, says so, and shows it nowhere', async () => {
      const { status, said } = await publishWith({
        brokers: [...secure.kafka.sasl],
        sasl: { mechanism: 'plain', username: user, password: wrong },
      })
      expect(status).toBe('retry')
      expect(said).toMatch(/SASL_AUTHENTICATION_FAILED/)
      expect(said).not.toContain(wrong)
      expect(said).not.toContain(Buffer.from(`\0${user}\0${wrong}`).toString('base64'))
    })

    it('publishes by TLS when it trusts the certificate', async () => {
      const { status, written } = await publishWith({
        brokers: [...secure.kafka.proxied],
        ssl: { ca: secure.certificate },
      })
      expect([status, written]).toEqual(['published', 1])
    })

    it('does not when it does not', async () => {
      const { status, written, said } = await publishWith({
        brokers: [...secure.kafka.proxied],
        ssl: true,
      })
      expect([status, written]).toEqual(['retry', 0])
      expect(said).toMatch(/self.signed certificate|certificate verify failed/)
    })

    it('shows no key, also when it is broken', async () => {
      const { status, said } = await publishWith({
        brokers: [...secure.kafka.proxied],
        ssl: {
          ca: secure.certificate,
          cert: secure.certificate,
          key: brokenKey,
          passphrase: 'open sesame',
        },
      })
      expect(status).toBe('retry')
      expect(said).not.toContain('MIIEsecretsecretsecret')
      expect(said).not.toContain('open sesame')
    })
  })
}

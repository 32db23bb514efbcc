import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { connect, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createServer, type Server } from 'node:tls'
import { promisify } from 'node:util'
import { inspect } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startKafka } from '../../../test-matrix/services/kafka.js'
import type { KafkaServer } from '../../../test-matrix/services/server.js'
import { readTopic, uniqueTopic } from '../../../test-matrix/services/test-context.js'
import { kafkaPublisher } from '../src/index.js'
import { kafkajs, type KafkajsLogger, type KafkajsOptions } from '../src/kafkajs/index.js'
import { storedEvent } from '../test/event.js'
import { createTopic } from './support/topics.js'

const never = new AbortController().signal
const password = 'correct horse battery staple'
const wrong = 'wr0ng-S3cret-pa55'

interface Certificate {
  readonly pfx: Buffer
  readonly passphrase: string
  readonly pem: string
}

// A broker with a SASL listener, and another listener behind a server that ends TLS in front of it.
let kafka: KafkaServer
let certificate: Certificate
let tls: Server

beforeAll(async () => {
  certificate = await makeCertificate()
  kafka = await startKafka({
    sasl: { app: password },
    advertise: async (_broker, port) => {
      tls?.close()
      tls = createServer({ pfx: certificate.pfx, passphrase: certificate.passphrase }, (client) => {
        const upstream = connect(port, '127.0.0.1')
        client.pipe(upstream).pipe(client)
        client.on('error', () => upstream.destroy())
        upstream.on('error', () => client.destroy())
      })
      tls.on('tlsClientError', () => {})
      await new Promise<void>((resolve) => tls.listen(0, '127.0.0.1', resolve))
      return (tls.address() as AddressInfo).port
    },
  })
})
afterAll(async () => {
  tls?.close()
  await kafka?.stop()
})

/** With the JDK that runs the broker: no other tool is needed. */
async function makeCertificate(): Promise<Certificate> {
  const folder = await mkdtemp(join(tmpdir(), 'outboxkit-tls-'))
  const passphrase = 'changeit'
  const store = [
    '-keystore',
    join(folder, 'store.p12'),
    '-storetype',
    'PKCS12',
    '-storepass',
    passphrase,
    '-alias',
    'a',
  ]
  const keytool = (args: string[]): Promise<unknown> => promisify(execFile)('keytool', [...args, ...store])
  try {
    await keytool([
      '-genkeypair',
      '-keyalg',
      'EC',
      '-dname',
      'CN=127.0.0.1',
      '-ext',
      'SAN=ip:127.0.0.1',
      '-validity',
      '7',
    ])
    await keytool(['-exportcert', '-rfc', '-file', join(folder, 'cert.pem')])
    const [pfx, pem] = await Promise.all([
      readFile(join(folder, 'store.p12')),
      readFile(join(folder, 'cert.pem'), 'utf8'),
    ])
    return { pfx, passphrase, pem }
  } finally {
    await rm(folder, { recursive: true })
  }
}

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
      ssl: { ca: [certificate.pem] },
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
      ssl: { ca: [certificate.pem], key: broken, cert: certificate.pem, passphrase: 'open sesame' },
    })
    expect(status).toBe('retry')
    expect(said).not.toContain('MIIEsecretsecretsecret')
    expect(said).not.toContain('open sesame')
  })
})

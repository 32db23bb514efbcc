import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { connect, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createServer, type Server } from 'node:tls'
import { promisify } from 'node:util'
import { startKafka } from '../../../../test-matrix/services/kafka.js'
import type { KafkaServer } from '../../../../test-matrix/services/server.js'

export const user = 'app'
export const password = 'correct horse battery staple'

export interface SecureKafka {
  readonly kafka: KafkaServer
  /** What clients of `kafka.proxied` have to trust, as PEM. */
  readonly certificate: string
  close(): Promise<void>
}

interface Certificate {
  readonly pfx: Buffer
  readonly passphrase: string
  readonly pem: string
}

/** A broker with a SASL listener, and another listener behind a server that ends TLS in front of it. */
export async function openSecureKafka(): Promise<SecureKafka> {
  const certificate = await makeCertificate()
  let tls: Server | undefined
  const kafka = await startKafka({
    sasl: { [user]: password },
    advertise: async (_broker, port) => {
      tls?.close()
      const server = createServer({ pfx: certificate.pfx, passphrase: certificate.passphrase }, (client) => {
        const upstream = connect(port, '127.0.0.1')
        client.pipe(upstream).pipe(client)
        client.on('error', () => upstream.destroy())
        upstream.on('error', () => client.destroy())
      })
      server.on('tlsClientError', () => {})
      tls = server
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
      return (server.address() as AddressInfo).port
    },
  })
  return {
    kafka,
    certificate: certificate.pem,
    async close() {
      tls?.close()
      await kafka.stop()
    },
  }
}

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

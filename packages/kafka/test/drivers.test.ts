import { describe, expect, it } from 'vitest'
import { redactSettings, toSettings } from '../src/confluent/config.js'
import { connectionError, failureOf as confluentFailure } from '../src/confluent/failures.js'
import { confluent } from '../src/confluent/index.js'
import { failureOf as platformaticFailure } from '../src/platformatic/failures.js'
import { platformatic } from '../src/platformatic/index.js'
import { checkNode } from '../src/platformatic/load.js'

const brokers = ['localhost:9092']
const plain = (text: string): string => text
const never = new AbortController().signal

describe('platformatic', () => {
  it.each(['20.19.0', '20.20.2', '22.21.9'])('says that Node.js %s is too old', (version) => {
    expect(() => checkNode(version)).toThrowError(
      expect.objectContaining({
        code: 'OUTBOX_DRIVER_UNSUPPORTED',
        message: expect.stringContaining('22.22'),
      }),
    )
  })

  it.each(['22.22.0', '24.0.0', '26.10.0'])('takes Node.js %s', (version) => {
    expect(() => checkNode(version)).not.toThrow()
  })

  it.each([
    [
      'the code of the broker, however deep',
      nested({ apiCode: 10, message: 'x' }),
      ['too-large', 'MESSAGE_TOO_LARGE'],
    ],
    [
      'a wrong password',
      { code: 'PLT_KFK_AUTHENTICATION', message: 'no' },
      ['unknown', 'SASL_AUTHENTICATION_FAILED'],
    ],
    ['a lost connection', { code: 'PLT_KFK_NETWORK', message: 'no' }, ['unknown', 'CONNECTION_FAILED']],
    ['success that was thrown', { apiCode: 0, message: 'no' }, ['unknown', 'NONE']],
    ['anything else', new RangeError('no'), ['unknown', 'CLIENT_ERROR']],
    ['no error at all', undefined, ['unknown', 'CLIENT_ERROR']],
  ])('reads its errors: %s', (_, error, [verdict, code]) => {
    expect(platformaticFailure(error, plain)).toMatchObject({ verdict, code })
  })
})

function nested(error: object): object {
  return { code: 'PLT_KFK_MULTIPLE', errors: [{ code: 'PLT_KFK_RESPONSE', errors: [error] }] }
}

describe('confluent', () => {
  it('says what to install when the package or its native part is missing', async () => {
    const driver = confluent({ brokers })
    await expect(driver.connect(never)).rejects.toMatchObject({
      code: 'OUTBOX_DRIVER_UNSUPPORTED',
      message: expect.stringContaining('npm install @confluentinc/kafka-javascript') as string,
    })
    const batch = { topic: 't', partition: 0, records: [] }
    expect(await driver.send([batch], { signal: never, deadlineMs: 1_000 })).toMatchObject([
      { status: 'failed', message: expect.stringContaining('@confluentinc/kafka-javascript') as string },
    ])
    await driver.close()
  })

  it.each(['acks', 'retries', 'linger.ms', 'enable.idempotence', 'message.send.max.retries'])(
    'leaves nobody the setting %s',
    (name) => {
      expect(() => confluent({ brokers, librdkafka: { [name]: 1 } })).toThrowError(
        expect.objectContaining({ code: 'OUTBOX_OPTION_INVALID', message: expect.stringContaining(name) }),
      )
    },
  )

  it('puts TLS and SASL into the words of librdkafka, and blanks them out in texts', () => {
    const settings = toSettings({
      brokers: ['a:1', 'b:2'],
      ssl: {
        ca: ['one', Buffer.from('two')],
        key: '-----BEGIN KEY-----\nMIIEkey\n-----END KEY-----',
        passphrase: 'open',
      },
      sasl: { mechanism: 'scram-sha-512', username: 'u', password: 'hunter2' },
      librdkafka: { 'compression.type': 'zstd' },
    })
    expect(settings).toMatchObject({
      'bootstrap.servers': 'a:1,b:2',
      'security.protocol': 'sasl_ssl',
      'sasl.mechanism': 'SCRAM-SHA-512',
      'ssl.ca.pem': 'one\ntwo',
      'compression.type': 'zstd',
    })
    expect(redactSettings(settings)('hunter2 open MIIEkey u')).toBe('*** *** *** u')
  })

  it('refuses options of TLS that it cannot pass on', () => {
    const ssl = { pfx: 'x' } as object
    expect(() => confluent({ brokers, ssl })).toThrowError(/ssl\.pfx/)
  })

  it.each([
    ['a code of the broker', { code: 19, message: 'Broker: no' }, ['failed', 'NOT_ENOUGH_REPLICAS']],
    [
      'the one code of the broker below zero',
      { code: -1, message: 'no' },
      ['unknown', 'UNKNOWN_SERVER_ERROR'],
    ],
    ['a lost connection', { code: -195, message: 'no' }, ['unknown', 'CONNECTION_CLOSED']],
    ['an unknown topic', { code: -188, message: 'no' }, ['failed', 'UNKNOWN_TOPIC_OR_PARTITION']],
    ['a code nobody knows', { code: -4_000, message: 'no' }, ['unknown', 'CLIENT_ERROR']],
    ['success that was reported as an error', { code: 0, message: 'no' }, ['unknown', 'NONE']],
    ['no error at all', undefined, ['unknown', 'CLIENT_ERROR']],
  ])('reads its errors: %s', (_, error, [verdict, code]) => {
    expect(confluentFailure(error, plain)).toMatchObject({ verdict, code })
  })

  it('finds the code of an event in its text, and says what was logged', () => {
    const event = { code: -1, message: 'Local: Authentication failure' }
    expect(connectionError(event, 'SASL: wrong password')).toEqual({
      code: -169,
      message: 'SASL: wrong password',
    })
    expect(connectionError({ code: -1, message: 'something new' }, undefined)).toEqual({
      code: -1,
      message: 'something new',
    })
  })
})

const factories = [
  ['confluent', confluent],
  // The version of Node.js comes first there.
  ...(Number(process.versions.node.split('.')[0]) >= 24 ? [['platformatic', platformatic] as const] : []),
] as const

describe.each(factories)('options of %s', (_, create) => {
  it.each([[[]], [['nowhere']], ['localhost:9092']])('refuses brokers %j', (bad) => {
    expect(() => create({ brokers: bad as string[] })).toThrowError(/list of 'host:port'/)
  })

  it('refuses a mechanism that it does not know, without showing the credentials', () => {
    const sasl = { mechanism: 'gssapi', username: 'u', password: 'hunter2' } as never
    expect(() => create({ brokers, sasl })).toThrowError(/'plain'/)
    expect(() => create({ brokers, sasl })).not.toThrowError(/hunter2/)
  })
})

import { describe, expect, it } from 'vitest'
import { configOf, problemsOf, url } from '../support/config.js'

const database = { url }

describe('what is wrong', () => {
  it('is said all at once, file and environment, each with its place', async () => {
    expect(
      await problemsOf(
        {
          database: { ulr: url, dialect: 'sqlite' },
          kafka: { brokers: 'localhost', ssl: { keys: 'x' }, createTopics: 3 },
          lease: { termMs: '15s' },
          onPoison: 'explode',
          outboxes: { a: { table: { name: 3 } } },
        },
        { OUTBOXKIT_HTTP_PORT: '70000', OUTBOXKIT_TABLE_UNIQUE_ID: 'yes', OUTBOXKIT_POLL_MIN: '1' },
      ),
    ).toEqual([
      "database.dialect: must be one of 'postgres', 'mysql', got \"sqlite\".",
      "database.ulr: is not known. Did you mean 'url'?",
      'kafka.brokers: must be a list of \'host:port\', got "localhost".',
      "kafka.ssl.keys: is not known. Did you mean 'key'?",
      'kafka.createTopics: must be an object.',
      'lease.termMs: must be a whole number of milliseconds, 100 or more, got "15s".',
      "onPoison: must be one of 'park-key', 'skip', 'halt', got \"explode\".",
      'outboxes.a.table.name: must be text, got 3.',
      'OUTBOXKIT_HTTP_PORT: must be a whole number, 0 to 65535, got "70000".',
      'OUTBOXKIT_TABLE_UNIQUE_ID: must be true or false, got "yes".',
      'OUTBOXKIT_POLL_MIN: is not known. Did you mean OUTBOXKIT_POLL_MIN_MS?',
    ])
  })

  it.each([
    ['brokers', { brokers: ['a:1'] }, /^is not known here\. Did you mean 'kafka\.brokers'\?$/],
    ['tabel', { tabel: {} }, /^is not known\. Did you mean 'table'\?$/],
    ['outbox', { outbox: {} }, /^is not known\. Did you mean 'outboxes'\?$/],
    [
      'outboxes.a.databas',
      { outboxes: { a: { databas: {} } } },
      /^is not known\. Did you mean 'database'\?$/,
    ],
    ['toString', { toString: 1 }, /^is not known/],
    ['__proto__', JSON.parse('{ "__proto__": { "a": 1 } }'), /^is not known/],
  ])('an unknown key: %s', async (where, object, message) => {
    const [problem = '', ...others] = await problemsOf({ database, ...(object as object) })
    expect(others).toEqual([])
    expect(problem.slice(0, where.length + 2)).toBe(`${where}: `)
    expect(problem.slice(where.length + 2)).toMatch(message)
  })

  it.each([
    ['no database', {}, {}, /^database\.url \(OUTBOXKIT_DATABASE_URL\): There is no database\./],
    [
      'another database',
      { database: { url: 'mongodb://u:geheim@h/d' } },
      {},
      /^database\.url: must begin with postgres:\/\/ or mysql:\/\/, not with mongodb:\.$/,
    ],
    [
      'no URL',
      {},
      { DATABASE_URL: 'geheim' },
      /^DATABASE_URL: must begin with postgres:\/\/ or mysql:\/\/\.$/,
    ],
    [
      'an empty URL, as a file has it whose variable is not set',
      { database: { url: '' } },
      {},
      /^database\.url: must be text that is not empty\. The variable .*DATABASE_URL.* is not set, or empty\.$/,
    ],
    [
      'a dialect that is not the URL’s',
      { database: { url: 'mysql://u:geheim@h/d', dialect: 'postgres' } },
      {},
      /^database\.dialect: is 'postgres', but the URL begins with mysql:\/\/\.$/,
    ],
    [
      'a # in the password',
      { database: { url: 'postgres://u:geh#eim@h/d' } },
      {},
      /^database\.url: cannot be parsed\. .*percent-encoded\.$/,
    ],
    [
      'a URL and an object',
      { database: { url, config: {} } },
      {},
      /^database\.config: stands beside `url`\./,
    ],
    [
      'an object without dialect',
      { database: { config: {} } },
      {},
      /^database\.dialect .*: is needed beside `config`/,
    ],
    [
      'half a login',
      { database, kafka: { sasl: { username: 'u' } } },
      {},
      /^kafka\.sasl\.mechanism \(OUTBOXKIT_KAFKA_SASL_MECHANISM\): is needed as well\.$/,
    ],
    [
      'half a topic',
      { database, kafka: { createTopics: { partitions: 3 } } },
      {},
      /^kafka\.createTopics\.replicationFactor .*is needed as well\.$/,
    ],
    [
      'a table name that no database takes',
      { database, table: { name: 'x'.repeat(80) } },
      {},
      /^table: table\.name must be/,
    ],
    [
      'brokers without port',
      { database, kafka: { brokers: ['localhost'] } },
      {},
      /^kafka\.brokers\.0: must be 'host:port', got "localhost"\.$/,
    ],
    [
      'brokers with a scheme',
      { database, kafka: { brokers: ['PLAINTEXT://kafka:9092'] } },
      {},
      /^kafka\.brokers\.0: must be 'host:port', got "PLAINTEXT:\/\/kafka:9092"\.$/,
    ],
  ])('%s', async (_, object, environment, message) => {
    const problems = await problemsOf(object, environment)
    expect(problems[0]).toMatch(message)
    expect(problems.join()).not.toContain('geh')
  })

  it('a value that is a secret is not repeated', async () => {
    const problems = await problemsOf(
      { database: { url: ['geheim'] }, kafka: { sasl: { password: 4711, username: 1 } } },
      { OUTBOXKIT_OUTBOXES_A_KAFKA_SASL_PASWORD: 'geheim' },
    )
    expect(problems).toHaveLength(4)
    expect(problems.join()).not.toMatch(/geheim|4711/)
  })

  it('what Kubernetes sets for a service of that name is nobody’s setting', async () => {
    const { values } = await configOf(
      { database },
      {
        OUTBOXKIT_SERVICE_HOST: '10.0.0.1',
        OUTBOXKIT_SERVICE_PORT_HTTP: '80',
        OUTBOXKIT_PORT: 'tcp://10.0.0.1:80',
        OUTBOXKIT_PORT_80_TCP_ADDR: '10.0.0.1',
        OUTBOXKIT_HTTP_PORT: 'tcp://10.0.0.1:80',
      },
    )
    expect(values.find(({ key }) => key === 'http.port')).toBeUndefined()
  })
})

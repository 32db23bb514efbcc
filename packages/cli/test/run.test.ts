import { describe, expect, it } from 'vitest'
import { OutboxError } from '@outboxkit/core'
import { commands } from '../src/commands.js'
import { failureOf } from '../src/output/failure.js'
import { createProgram } from '../src/program.js'
import { createContext, runProgram } from '../src/run.js'
import { folderWith } from './support/folder.js'

function hostIn(cwd: string, environment: Record<string, string> = {}) {
  const texts = { stdout: '', stderr: '' }
  const stream = (name: 'stdout' | 'stderr') => ({ write: (text: string) => (texts[name] += text) })
  const host = {
    cwd,
    environment,
    stdin: {},
    stdout: stream('stdout'),
    stderr: stream('stderr'),
    signal: new AbortController().signal,
    version: '1.2.3',
  }
  return { host, texts }
}

async function run(argv: readonly string[], environment: Record<string, string> = {}, files = {}) {
  const { host, texts } = hostIn(folderWith({ 'package.json': '{}', ...files }), environment)
  return { exitCode: await runProgram(argv, host), ...texts }
}

describe('the program', () => {
  it('has each command under the name and with the help that the list says', async () => {
    const { host } = hostIn('/')
    const context = createContext(host, () => undefined)
    for (const { name, load } of commands) {
      const program = await createProgram([name], context, host)
      const command = program.commands.find((candidate) => candidate.name() === name)
      expect([name, command?.description()]).toEqual([name, expect.stringMatching(/^[A-Z`].*\.$/)])
      expect(command?.commands.length === 0 || load !== undefined).toBe(true)
    }
  })

  it('lists them all, and loads none of them for that', async () => {
    const { exitCode, stdout } = await run(['--help'])
    expect(exitCode).toBe(0)
    for (const { name, summary } of commands) {
      expect(stdout).toContain(`  ${name} `)
      expect(summary).not.toMatch(/^[A-Z]|\.$/)
    }
    expect(stdout).toMatch(/^ {2}0 {4}It did [^]*^ {2}130 {2}Ctrl-C/m)
    expect((await run(['--version'])).stdout).toBe('1.2.3\n')
  })

  it.each<[string, string[], string, Record<string, string>?]>([
    ['no command', [], 'Usage: outboxkit'],
    ['an unknown command', ['statsu'], "error: unknown command 'statsu'\n(Did you mean status?)"],
    ['an unknown flag', ['config', '--nope'], "error: unknown option '--nope'"],
    ['a flag without its value', ['config', '--config'], 'argument missing'],
    ['too many words', ['config', 'extra'], 'too many arguments'],
    [
      'a broken configuration',
      ['config'],
      'OUTBOXKIT_LEASE_TERM_MS: must be a whole number',
      { OUTBOXKIT_LEASE_TERM_MS: 'x' },
    ],
    ['a file that is not there', ['config', '--config', 'gone.ts'], 'gone.ts does not exist'],
    ['no database', ['status'], 'There is no database'],
    [
      'an outbox that is not there',
      ['status', '--outbox', 'x'],
      "There is no outbox 'x'",
      { DATABASE_URL: 'postgres://h/d' },
    ],
    ...[['relay'], ['relay', '--once'], ['replay', '--from', '1']].map(
      (argv): [string, string[], string, Record<string, string>] => [
        `${argv.join(' ')} with nowhere to publish to, before the database is tried`,
        argv,
        'kafka.brokers: There is nowhere to publish to. Set OUTBOXKIT_KAFKA_BROKERS',
        { DATABASE_URL: 'postgres://127.0.0.1:1/d' },
      ],
    ),
  ])('%s: exit code 2, and what is wrong', async (_, argv, message, environment = {}) => {
    const { exitCode, stdout, stderr } = await run(argv, environment)
    expect(exitCode).toBe(2)
    expect(stdout).toBe('')
    expect(stderr).toContain(message)
    expect(stderr).not.toMatch(/^ +at /m)
  })

  it('a wrong flag is answered with the usage line of its command', async () => {
    expect((await run(['config', '--nope'])).stderr).toMatch(/\nusage: outboxkit config \[options\]\n$/)
  })

  it('a database that is not there: exit code 1, one paragraph with its address, and no password', async () => {
    const environment = { OUTBOXKIT_DATABASE_URL: 'postgres://u:geheim@127.0.0.1:1/d' }
    const { exitCode, stdout, stderr } = await run(['dead', 'list'], environment)
    expect(exitCode).toBe(1)
    expect(stdout).toBe('')
    expect(stderr).toContain('127.0.0.1:1/d cannot be reached')
    expect(stderr).not.toMatch(/geheim|^ +at /m)
  })

  it('with --json the error is an object on standard output as well', async () => {
    const { exitCode, stdout, stderr } = await run(['config', '--json'], { OUTBOXKIT_POLL_MIN_MS: '0' })
    expect(exitCode).toBe(2)
    expect(JSON.parse(stdout)).toEqual({
      error: {
        code: 'OUTBOX_CONFIG_INVALID',
        message: expect.stringContaining('OUTBOXKIT_POLL_MIN_MS') as string,
        docs: expect.stringMatching(/docs\/errors\.md#outbox_config_invalid$/) as string,
        details: { problems: [expect.objectContaining({ where: 'OUTBOXKIT_POLL_MIN_MS' })] },
        exitCode: 2,
      },
    })
    expect(stderr).toContain('OUTBOXKIT_POLL_MIN_MS')
    expect(JSON.parse((await run(['config', '--nope', '--json'])).stdout)).toMatchObject({
      error: { code: 'USAGE', exitCode: 2 },
    })
  })

  it('--debug shows where an error comes from, and its cause', async () => {
    const files = { 'outbox.config.mjs': `throw new TypeError('from the file')` }
    const { stderr } = await run(['config', '--debug'], {}, files)
    expect(stderr).toMatch(/OutboxError: The configuration file .*\n +at /)
    expect(stderr).toMatch(/TypeError: from the file\n +at /)
  })

  it.each([
    ['OUTBOX_OPTION_INVALID', 2],
    ['OUTBOX_CONFIG_INVALID', 2],
    ['OUTBOX_SCHEMA_VERSION', 3],
    ['OUTBOX_DATABASE_FAILED', 1],
  ] as const)('%s ends with exit code %i', (code, exitCode) => {
    expect(failureOf(new OutboxError(code, 'x'))).toMatchObject({ code, exitCode })
    expect(failureOf(new Error('x'))).toMatchObject({ code: 'INTERNAL', exitCode: 1 })
  })
})

describe('outboxkit config', () => {
  it('shows values and where they are from', async () => {
    const files = {
      'outbox.config.json': '{ "database": { "url": "mysql://u:geheim@h/d" }, "onPoison": "skip" }',
    }
    const { stdout, exitCode } = await run(['config'], { OUTBOXKIT_LOG_LEVEL: 'warn' }, files)
    expect(exitCode).toBe(0)
    expect(stdout).toMatch(/^onPoison +skip +file \S+outbox\.config\.json$/m)
    expect(stdout).toMatch(/^log\.level +warn +OUTBOXKIT_LOG_LEVEL$/m)
    expect(stdout).toMatch(/^lease\.termMs +15000 +default$/m)
    expect(stdout).toMatch(/^database\.url +mysql:\/\/u:\*\*\*@h\/d /m)
    const json = JSON.parse((await run(['config', '--json'], {}, files)).stdout) as { values: unknown[] }
    expect(json.values).toContainEqual(
      expect.objectContaining({ key: 'onPoison', value: 'skip', origin: 'file' }),
    )
  })

  it.each([
    ['no database', {}, 'There is no database'],
    ['another database', { OUTBOXKIT_DATABASE_URL: 'ssh://u:geheim@h/d' }, 'not with ssh:'],
    [
      'half a topic',
      { OUTBOXKIT_DATABASE_URL: 'mysql://h/d', OUTBOXKIT_KAFKA_CREATE_TOPICS_PARTITIONS: '3' },
      'kafka.createTopics.replicationFactor',
    ],
  ])('%s: shows the values, and what every other command refuses', async (_, environment, message) => {
    const { exitCode, stdout, stderr } = await run(['config'], environment)
    expect(exitCode).toBe(2)
    expect(stdout).toMatch(/^lease\.termMs +15000 +default$/m)
    expect(stderr).toContain(message)
    expect(stdout + stderr).not.toContain('geheim')
    const status = await run(['status'], environment)
    expect(status).toMatchObject({ exitCode: 2, stderr })
  })

  it('lists every variable', async () => {
    const { stdout } = await run(['config', '--variables'])
    expect(stdout).toMatch(/^OUTBOXKIT_KAFKA_BROKERS /m)
    expect(stdout).toMatch(/^OUTBOXKIT_KAFKA_ENVELOPE +cloudevents /m)
    expect((await run(['config', '--help'])).stdout).toMatch(/^ +OUTBOXKIT_KAFKA_ENVELOPE$/m)
  })
})

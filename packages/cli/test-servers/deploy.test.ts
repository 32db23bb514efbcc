import { execFile, spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { validate, ValidationSeverity } from 'dockerfile-utils'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { parse, parseAllDocuments } from 'yaml'
import {
  kubernetesChecker,
  kubernetesReleases,
  type Manifest,
} from '../../../test-matrix/services/kubernetes-schemas.js'
import { promtool } from '../../../test-matrix/services/promtool.js'
import {
  createOutbox,
  configOf,
  startWorker,
  type OutboxTables,
  type RunningWorker,
} from './worker-support.js'

const run = promisify(execFile)
const folder = fileURLToPath(new URL('../deploy', import.meta.url))
const file = (name: string): string => readFileSync(join(folder, name), 'utf8')

const scratch = mkdtempSync(join(tmpdir(), 'outboxkit-deploy-'))
afterAll(() => rmSync(scratch, { recursive: true }))

/** A file for a tool to look at. */
function scratchFile(name: string, text: string): string {
  const path = join(scratch, name)
  writeFileSync(path, text)
  return path
}

/** `ENV name=value` of the image. */
const imageEnvironment = Object.fromEntries(
  [...file('Dockerfile').matchAll(/^ENV (OUTBOXKIT_\w+)=(.*)$/gm)].map(([, name, value]) => [name, value]),
) as Record<string, string>

describe('the image', () => {
  it('has a Dockerfile without a mistake', () => {
    const found = validate(file('Dockerfile'), {
      deprecatedMaintainer: ValidationSeverity.ERROR,
      directiveCasing: ValidationSeverity.ERROR,
      emptyContinuationLine: ValidationSeverity.ERROR,
      instructionCasing: ValidationSeverity.ERROR,
      instructionCmdMultiple: ValidationSeverity.ERROR,
      instructionEntrypointMultiple: ValidationSeverity.ERROR,
      instructionHealthcheckMultiple: ValidationSeverity.ERROR,
      instructionJSONInSingleQuotes: ValidationSeverity.ERROR,
      instructionWorkdirRelative: ValidationSeverity.ERROR,
    })
    expect(found).toEqual([])
    expect(validate('FROM a\nRUNN x\n').length).toBeGreaterThan(0)
  })

  it('is not root, has a health check, and listens where others can ask', async () => {
    expect(file('Dockerfile')).toMatch(/^USER [1-9]\d*:[1-9]\d*$/m)
    expect(file('Dockerfile')).toMatch(/^HEALTHCHECK .*\n +CMD \["node"/m)
    const { http } = await configOf({
      ...imageEnvironment,
      DATABASE_URL: 'postgres://a/b',
      KAFKA_BROKERS: 'c:1',
    })
    expect(http).toEqual({ host: '0.0.0.0', port: 9464 })
  })
})

describe('compose.yaml', () => {
  const { services } = parse(file('compose.yaml')) as {
    services: { relay: { environment: Record<string, string>; read_only: boolean } }
  }

  it('configures the worker with variables that exist', async () => {
    const { environment } = services.relay
    expect(environment['OUTBOXKIT_DATABASE_URL_FILE']).toBe('/run/secrets/database_url')
    const { outboxes } = await configOf({
      ...imageEnvironment,
      ...environment,
      OUTBOXKIT_DATABASE_URL_FILE: scratchFile('database_url', 'postgres://u:p@db/app\n'),
      OUTBOXKIT_KAFKA_BROKERS: 'kafka:9092',
    })
    expect(outboxes).toMatchObject([{ name: 'default', database: { url: 'postgres://u:p@db/app' } }])
    expect(services.relay.read_only).toBe(true)
  })
})

describe('kubernetes/relay.yaml', () => {
  const manifests = parseAllDocuments(file('kubernetes/relay.yaml')).map(
    (document) => document.toJS() as Manifest,
  )

  it.each(kubernetesReleases)('is what Kubernetes %s understands', async (release) => {
    const check = await kubernetesChecker()
    expect(manifests.map(({ kind }) => kind)).toEqual(['Deployment', 'PodDisruptionBudget', 'Service'])
    for (const manifest of manifests) expect(check(release, manifest)).toEqual([])
    const [deployment] = manifests as [Manifest]
    expect(check(release, { ...deployment, spec: { replicas: 'two' } })).not.toEqual([])
    expect(check(release, { ...deployment, sepc: {} })).not.toEqual([])
  })

  it('starts an owner and a standby, configured with variables that exist, on the port of the image', async () => {
    const spec = manifests[0]?.['spec'] as {
      replicas: number
      template: { spec: { containers: { env: { name: string; value?: string }[]; ports: object[] }[] } }
    }
    const [container] = spec.template.spec.containers
    expect(spec.replicas).toBe(2)
    expect(container?.ports).toEqual([
      { name: 'http', containerPort: Number(imageEnvironment['OUTBOXKIT_HTTP_PORT']) },
    ])
    const environment = Object.fromEntries(
      container?.env.map(({ name, value }) => [name, value ?? 'postgres://u:p@db/app']) ?? [],
    )
    expect(await configOf({ ...imageEnvironment, ...environment })).toMatchObject({ log: { format: 'json' } })
  })
})

describe('the systemd unit', () => {
  const unit = file('systemd/outboxkit-relay.service')

  it('is what systemd understands', ({ skip }) => {
    if (spawnSync('systemd-analyze', ['--version']).error !== undefined)
      skip('the command systemd-analyze was not found')
    const verify = (text: string): string =>
      spawnSync('systemd-analyze', ['verify', scratchFile('outboxkit-relay.service', text)], {
        encoding: 'utf8',
      }).stderr
    // The program has to be there: this one is.
    const runnable = unit.replace('/usr/bin/node', process.execPath)
    expect(verify(runnable)).not.toContain('outboxkit-relay.service')
    expect(verify(runnable.replace('DynamicUser', 'DynamicUsr'))).toContain('DynamicUsr')
  })

  it('configures the worker with variables that exist', async () => {
    const line = /^Environment=(.*)$/m.exec(unit)?.[1] ?? ''
    const environment = Object.fromEntries(line.split(' ').map((pair) => pair.split(/=(.*)/)))
    const { http } = await configOf({ ...environment, DATABASE_URL: 'mysql://a/b', KAFKA_BROKERS: 'c:1' })
    expect(http).toEqual({ host: '127.0.0.1', port: 9464 })
  })
})

describe('metrics, alerts and the dashboard', () => {
  const rules = (
    parse(file('prometheus/alerts.yaml')) as {
      groups: { rules: { alert: string; expr: string }[] }[]
    }
  ).groups.flatMap((group) => group.rules)
  const dashboard = JSON.parse(file('grafana/outboxkit.json')) as {
    panels: { targets?: { expr: string }[] }[]
    templating: { list: { query: string }[] }
  }
  const panels = dashboard.panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr))
  const variables = dashboard.templating.list.map(({ query }) => query)
  const expressions = [...rules.map(({ expr }) => expr), ...panels, ...variables]

  let tables: OutboxTables
  let worker: RunningWorker
  let text: string
  let tool: string | undefined
  let noTool: string

  beforeAll(async () => {
    tables = await createOutbox(inject('postgresUrl'))
    worker = await startWorker({
      OUTBOXKIT_DATABASE_URL: tables.url,
      OUTBOXKIT_KAFKA_BROKERS: inject('kafkaBrokers'),
    })
    await worker.line('waiting')
    text = (await worker.get('/metrics')).text
    tool = await promtool().catch((error: unknown) => {
      noTool = `promtool cannot be had: ${String(error)}`
      return undefined
    })
  })
  afterAll(async () => {
    await worker?.stop()
    await tables?.drop()
  })

  it('follow the naming rules of Prometheus', async ({ skip }) => {
    if (tool === undefined) return skip(noTool)
    const check = (metrics: string): string => {
      const { stdout, stderr } = spawnSync(tool as string, ['check', 'metrics'], {
        input: metrics,
        encoding: 'utf8',
      })
      return stdout + stderr
    }
    expect(check(text)).toBe('')
    expect(check(text.replaceAll('outboxkit_reads_total', 'outboxkit_reads'))).toContain('outboxkit_reads')
  })

  it.each(['/livez', '/readyz'])('the probes find %s', async (path) => {
    expect(file('kubernetes/relay.yaml') + file('Dockerfile')).toContain(path)
    expect((await worker.get(path)).status).toBe(200)
  })

  it('use nothing but metrics and labels that a worker shows', () => {
    const shown = new Map<string, Set<string>>()
    for (const [, name = '', labels = ''] of text.matchAll(/^(\w+)(?:\{(.*)\})? \S+$/gm)) {
      const known = shown.get(name) ?? new Set()
      for (const [, label = ''] of labels.matchAll(/(\w+)="/g)) known.add(label)
      shown.set(name, known)
    }
    const used = expressions.flatMap((expression) => [
      ...expression.matchAll(/\b((?:outboxkit|process|nodejs)_\w+)(?:\{(.*?)\})?/g),
    ])
    expect(used.length).toBeGreaterThan(30)
    for (const [where, name = '', labels = ''] of used) {
      expect([...shown.keys()], where).toContain(name)
      for (const [, label = ''] of labels.matchAll(/(\w+)\s*=/g))
        expect([...(shown.get(name) ?? [])], where).toContain(label)
    }
    const grouped = expressions.flatMap((expression) =>
      [...expression.matchAll(/\bby \((.*?)\)/g)].flatMap(([, list = '']) => list.split(', ')),
    )
    // `instance` is what Prometheus itself adds.
    const known = new Set([...shown.values()].flatMap((labels) => [...labels]).concat('instance'))
    expect([...new Set(grouped)].filter((label) => !known.has(label))).toEqual([])
  })

  it('are expressions that Prometheus understands', async ({ skip }) => {
    if (tool === undefined) return skip(noTool)
    await run(tool, ['check', 'rules', join(folder, 'prometheus/alerts.yaml')])
    const recorded = panels.map((expr, index) => ({
      record: `panel_${index}`,
      expr: expr.replaceAll('$__rate_interval', '5m'),
    }))
    const asRules = (list: object[]): string =>
      scratchFile('panels.yaml', JSON.stringify({ groups: [{ name: 'panels', rules: list }] }))
    await run(tool, ['check', 'rules', asRules(recorded)])
    await expect(run(tool, ['check', 'rules', asRules([{ record: 'x', expr: 'sum(' }])])).rejects.toThrow(
      'parse',
    )
  })

  it('the alerts fire when they should, and only then', async ({ skip }) => {
    if (tool === undefined) return skip(noTool)
    const series = (name: string, values: string): object => ({ series: name, values })
    const healthy = [
      series('outboxkit_relay_state{outbox="a",state="owner",instance="1"}', '1x60'),
      series('outboxkit_relay_state{outbox="a",state="standby",instance="2"}', '1x60'),
      series('outboxkit_relay_mode{outbox="a",mode="poll",instance="1"}', '1x60'),
      series('outboxkit_backlog_oldest_age_seconds{outbox="a",instance="1"}', '1x60'),
      series('outboxkit_held_rows{outbox="a",kind="key",instance="1"}', '0x60'),
      series('outboxkit_publish_calls_failed_total{outbox="a",instance="1"}', '0x60'),
    ]
    const sick = [
      series('outboxkit_relay_state{outbox="a",state="owner",instance="1"}', '0x60'),
      series('outboxkit_backlog_oldest_age_seconds{outbox="a",instance="1"}', '0+60x60'),
      series('outboxkit_held_rows{outbox="a",kind="key",instance="1"}', '2x60'),
      series('outboxkit_publish_calls_failed_total{outbox="a",instance="1"}', '0+5x60'),
    ]
    const test = (input: object[], names: string[]): object => ({
      interval: '1m',
      input_series: input,
      // By name only: labels and texts are nobody's business here.
      promql_expr_test: rules.map(({ alert }) => ({
        expr: `count(ALERTS{alertname="${alert}",alertstate="firing"}) or vector(0)`,
        eval_time: '20m',
        exp_samples: [{ labels: '{}', value: names.includes(alert) ? 1 : 0 }],
      })),
    })
    const tests = scratchFile(
      'alerts.test.yaml',
      JSON.stringify({
        rule_files: [join(folder, 'prometheus/alerts.yaml')],
        evaluation_interval: '1m',
        tests: [
          test(healthy, []),
          test(sick, [
            'OutboxkitNobodyPublishes',
            'OutboxkitNoWorker',
            'OutboxkitBacklogIsOld',
            'OutboxkitKeysAreHeld',
            'OutboxkitPublishingFails',
          ]),
        ],
      }),
    )
    await expect(run(tool, ['test', 'rules', tests])).resolves.toMatchObject({
      stdout: expect.stringContaining('SUCCESS'),
    })
  })
})

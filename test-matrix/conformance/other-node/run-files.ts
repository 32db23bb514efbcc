import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { root } from '../../../tools/checks.js'
import { nodeBinary, type nodeVersions } from '../../services/node.js'
import { withoutRun } from './without-run.js'

/** A test of the other run. `reason`: why it is not here what it was there, empty when it passed. */
export interface TestElsewhere {
  readonly title: string
  readonly status: 'passed' | 'failed' | 'skipped'
  readonly reason: string
}

export interface FileElsewhere {
  readonly path: string
  readonly tests: readonly TestElsewhere[]
}

interface JsonReport {
  readonly testResults: readonly {
    readonly name: string
    readonly message: string
    readonly assertionResults: readonly {
      readonly fullName: string
      readonly status: string
      readonly failureMessages?: readonly string[] | null
    }[]
  }[]
}

const minutes = 5

/**
 * Runs files of the project `servers` in a vitest on another Node.js, against the servers in `env`. A file that
 * does not load, or a run that ends without a report, has one failed test that says so.
 */
export async function runFiles(
  major: keyof typeof nodeVersions,
  paths: readonly string[],
  env: Readonly<Record<string, string>>,
): Promise<readonly FileElsewhere[]> {
  const folder = await mkdtemp(join(tmpdir(), 'outboxkit-other-node-'))
  const report = join(folder, 'report.json')
  try {
    const vitest = join(root, 'node_modules/vitest/vitest.mjs')
    const flags = ['run', '--project', 'servers', '--reporter=json', `--outputFile=${report}`]
    const child = spawn(await nodeBinary(major), [vitest, ...flags, ...paths], {
      cwd: root,
      env: { ...withoutRun(process.env), ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: minutes * 60_000,
    })
    let output = ''
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (data: Buffer) => {
        output = (output + data.toString()).slice(-8_000)
      })
    const [code] = (await once(child, 'close')) as [number | null]
    const found = await readFile(report, 'utf8').then(
      (text) => filesIn(JSON.parse(text) as JsonReport),
      () => [],
    )
    return paths.map((path) => ({ path, tests: testsOf(path, found, `exit ${code}\n${output}`) }))
  } finally {
    await rm(folder, { recursive: true })
  }
}

function filesIn({ testResults }: JsonReport): FileElsewhere[] {
  return testResults.map(({ name, message, assertionResults }) => {
    const tests = assertionResults.map(({ fullName, status, failureMessages }): TestElsewhere => {
      if (status === 'passed') return { title: fullName, status, reason: '' }
      if (status === 'failed')
        return { title: fullName, status, reason: failureMessages?.join('\n') ?? 'it failed' }
      return { title: fullName, status: 'skipped', reason: fullName }
    })
    // A hook that fails, or a file that does not load, fails no test.
    const broken: TestElsewhere = { title: 'the file itself', status: 'failed', reason: message }
    return { path: name, tests: message === '' ? tests : [...tests, broken] }
  })
}

function testsOf(path: string, found: readonly FileElsewhere[], output: string): readonly TestElsewhere[] {
  const tests = found.find((file) => file.path.endsWith(path))?.tests ?? []
  return tests.length > 0 ? tests : [{ title: 'ran', status: 'failed', reason: output }]
}

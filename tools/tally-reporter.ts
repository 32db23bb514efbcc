import { mkdirSync, writeFileSync, writeSync } from 'node:fs'
import type { Reporter, SerializedError, TestModule, TestRunEndReason } from 'vitest/node'

/** Of a failed run, whose log may reach its reader cut to the end. */
const shownFailures = 20

/**
 * Prints what failed, a line each, and the last line of a run, `N passed, N failed, N skipped`, counted from the
 * results themselves. A module that does not load, a failing hook, an unhandled error and a run that never ends
 * are failures too, although vitest lists no failing test for them.
 */
export default class TallyReporter implements Reporter {
  private line = '0 passed, 1 failed, 0 skipped'
  private failures: string[] = []

  onInit(): void {
    // At exit, because other reporters still print after onTestRunEnd.
    process.once('exit', () => {
      const file = process.env['OUTBOXKIT_TALLY'] ?? 'reports/tally.txt'
      mkdirSync('reports', { recursive: true })
      const text = [...this.failures.slice(0, shownFailures), this.line].map((line) => `${line}\n`).join('')
      writeFileSync(file, text)
      writeSync(1, text)
    })
  }

  onTestRunEnd(
    modules: readonly TestModule[],
    unhandled: readonly SerializedError[],
    reason: TestRunEndReason,
  ): void {
    const count = { passed: 0, failed: 0, skipped: 0 }
    const fail = (name: string, errors: readonly SerializedError[] = []): void => {
      count.failed += 1
      this.failures.push(`FAILED ${name}: ${firstLine(errors)}`)
    }
    for (const error of unhandled) fail('outside of a test', [error])
    for (const module of modules) {
      const { relativeModuleId, project } = module
      const place = (name: string): string => `${project.name} | ${relativeModuleId} > ${name}`
      for (const holder of [module, ...module.children.allSuites()])
        if (holder.errors().length > 0) fail(place('hooks, or the file itself'), holder.errors())
      for (const test of module.children.allTests()) {
        const { state, errors } = test.result()
        if (state === 'failed' || state === 'pending') fail(place(test.fullName), errors)
        else count[state] += 1
      }
    }
    if (reason !== 'passed' && count.failed === 0) count.failed = 1
    this.line = `${count.passed} passed, ${count.failed} failed, ${count.skipped} skipped`
  }
}

function firstLine(errors: readonly SerializedError[]): string {
  const [error] = errors
  if (error === undefined) return 'did not end'
  return `${error.name ?? 'Error'}: ${error.message.split('\n', 1)[0] ?? ''}`.slice(0, 500)
}

import { mkdirSync, writeFileSync, writeSync } from 'node:fs'
import type { Reporter, SerializedError, TestModule, TestRunEndReason } from 'vitest/node'

/**
 * Prints the last line of a run, `N passed, N failed, N skipped`, counted from the results themselves.
 * A module that does not load, a failing hook, an unhandled error and a run that never ends are failures
 * too, although vitest lists no failing test for them.
 */
export default class TallyReporter implements Reporter {
  private line = '0 passed, 1 failed, 0 skipped'

  onInit(): void {
    // At exit, because other reporters still print after onTestRunEnd.
    process.once('exit', () => {
      const file = process.env['OUTBOXKIT_TALLY'] ?? 'reports/tally.txt'
      mkdirSync('reports', { recursive: true })
      writeFileSync(file, `${this.line}\n`)
      writeSync(1, `${this.line}\n`)
    })
  }

  onTestRunEnd(
    modules: readonly TestModule[],
    unhandled: readonly SerializedError[],
    reason: TestRunEndReason,
  ): void {
    const count = { passed: 0, failed: unhandled.length, skipped: 0 }
    for (const module of modules) {
      const holders = [module, ...module.children.allSuites()]
      count.failed += holders.filter((holder) => holder.errors().length > 0).length
      for (const test of module.children.allTests()) {
        const { state } = test.result()
        count[state === 'pending' ? 'failed' : state] += 1
      }
    }
    if (reason !== 'passed' && count.failed === 0) count.failed = 1
    this.line = `${count.passed} passed, ${count.failed} failed, ${count.skipped} skipped`
  }
}

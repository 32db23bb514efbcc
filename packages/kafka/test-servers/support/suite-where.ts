/* oxlint-disable vitest/no-conditional-tests, vitest/no-disabled-tests, vitest/valid-title -- this is where a skip gets its reason */
import { test } from 'vitest'

/** Registers a suite where it can run, and elsewhere one skipped test that says why not. */
export function suiteWhere(runs: boolean, reason: string, register: () => void): void {
  if (runs) register()
  else test.skip(reason, () => {})
}

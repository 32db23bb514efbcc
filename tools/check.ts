// npm run check: everything that must hold without a server. Prints a line per check, fails when one fails.
import { build, checks, root } from './checks.js'
import { importViolations } from './imports.js'
import { generateClients } from './prepare.js'
import { runCheck } from './run-check.js'

let failed = 0
const report = (name: string, problem: string | undefined): void => {
  console.log(`${problem === undefined ? 'ok    ' : 'FAILED'} ${name}`)
  if (problem === undefined) return
  failed += 1
  console.log(problem)
}

await generateClients()
report('imports between packages', importViolations(root).join('\n') || undefined)
for (const check of [build, ...checks]) report(check.name, await runCheck(check))
console.log(failed === 0 ? 'All checks hold.' : `${failed} failed.`)
process.exitCode = failed === 0 ? 0 : 1

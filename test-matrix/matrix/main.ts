// npm run matrix [-- --list | CELL …]: the full grid of versions and the long order test.
import { cells, type Cell } from './cells.js'
import { runCell } from './run-cell.js'

const wanted = process.argv.slice(2)
if (wanted.includes('--list')) {
  for (const cell of cells) console.log(cell.name)
  process.exit(0)
}
const unknown = wanted.filter((name) => !cells.some((cell) => cell.name === name))
if (unknown.length > 0) {
  console.error(`No such cell: ${unknown.join(', ')}. npm run matrix -- --list names them.`)
  process.exit(2)
}

/** The version that the cell is about. */
function databaseOf({ postgres, mysql, mariadb }: Cell): string {
  if (mysql !== undefined) return `MySQL ${mysql}`
  if (mariadb !== undefined) return `MariaDB ${mariadb}`
  return postgres === undefined ? 'the newest' : `PostgreSQL ${postgres}`
}

const rows: Record<string, { node: string; database: string; result: string; seconds: number }> = {}
const sum = { passed: 0, failed: 0, skipped: 0 }
for (const cell of cells.filter(({ name }) => wanted.length === 0 || wanted.includes(name))) {
  console.log(`\n=== ${cell.name}`)
  const { passed, tally, seconds } = await runCell(cell, (text) => process.stdout.write(text))
  rows[cell.name] = {
    node: String(cell.node),
    database: databaseOf(cell),
    result: passed ? tally : `FAILED: ${tally}`,
    seconds,
  }
  const [ok = 0, failed = 0, skipped = 0] = tally.match(/\d+/g)?.map(Number) ?? []
  sum.passed += ok
  sum.failed += passed ? failed : Math.max(1, failed)
  sum.skipped += skipped
}
console.table(rows)
console.log(`${sum.passed} passed, ${sum.failed} failed, ${sum.skipped} skipped`)
process.exitCode = sum.failed === 0 ? 0 : 1

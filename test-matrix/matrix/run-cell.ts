import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { root } from '../../tools/checks.js'
import { nodeBinary } from '../services/node.js'
import type { Cell } from './cells.js'

export interface CellResult {
  readonly passed: boolean
  /** `N passed, N failed, N skipped` of the cell's own run. */
  readonly tally: string
  readonly seconds: number
  readonly output: string
}

/** Runs a cell in a vitest of its own, with its own servers. */
export async function runCell(cell: Cell, onOutput: (text: string) => void = () => {}): Promise<CellResult> {
  const started = performance.now()
  const node = cell.node === 'current' ? process.execPath : await nodeBinary(cell.node)
  const child = spawn(node, [join(root, 'node_modules/vitest/vitest.mjs'), 'run', ...cell.select], {
    cwd: root,
    env: {
      ...environment(),
      ...cell.env,
      ...versionsOf(cell),
      OUTBOXKIT_TALLY: join('reports', `tally-${cell.name.replaceAll(' ', '-')}.txt`),
    },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: cell.minutes * 60_000,
    killSignal: 'SIGTERM',
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (data: Buffer) => {
      output += data.toString()
      onOutput(data.toString())
    })
  const [code] = (await once(child, 'close')) as [number | null]
  const tally =
    output.match(/^\d+ passed, \d+ failed, \d+ skipped$/gm)?.at(-1) ?? `0 passed, 1 failed, 0 skipped`
  return { passed: code === 0, tally, seconds: Math.round((performance.now() - started) / 1000), output }
}

function versionsOf({ postgres, mysql, mariadb }: Cell): NodeJS.ProcessEnv {
  return {
    OUTBOXKIT_PG_MAJOR: postgres === undefined ? '' : String(postgres),
    OUTBOXKIT_MYSQL_VERSION: mysql ?? '',
    OUTBOXKIT_MARIADB_VERSION: mariadb ?? '',
  }
}

/** Without what ties a child to a vitest that runs it, and without servers that were started for another run. */
function environment(): NodeJS.ProcessEnv {
  const own =
    /^(VITEST|OUTBOXKIT_(POSTGRES|MYSQL|MARIADB)_URL$|KAFKA_BROKERS$|OUTBOXKIT_KAFKA_CLUSTER$|NODE_ENV$|TEST$|PROD$|DEV$|MODE$|SSR$|BASE_URL$)/
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !own.test(name)))
}

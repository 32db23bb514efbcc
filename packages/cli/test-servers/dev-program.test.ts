import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { afterEach, beforeEach, expect, inject, it } from 'vitest'
import { freshSchema, type FreshSchema } from '../../../test-matrix/services/test-context.js'
import { createTables } from './doctor-support.js'

const root = join(import.meta.dirname, '../../..')
let tables: FreshSchema
let folder: string
beforeEach(async () => {
  tables = await freshSchema(inject('postgresUrl'), 'program')
  folder = mkdtempSync(join(tmpdir(), 'outboxkit-dev-'))
})
afterEach(async () => {
  rmSync(folder, { recursive: true })
  await tables.drop()
})

/** The program in an empty folder, with nothing but `DATABASE_URL`. */
function start(...argv: string[]) {
  const tsx = join(root, 'node_modules/tsx/dist/esm/index.mjs')
  const child = spawn(process.execPath, ['--import', tsx, join(root, 'packages/cli/src/bin.ts'), ...argv], {
    cwd: folder,
    env: {
      PATH: process.env['PATH'],
      TSX_TSCONFIG_PATH: join(root, 'tsconfig.json'),
      DATABASE_URL: tables.url,
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  return {
    child,
    ended: once(child, 'close').then(([code]) => code as number | null),
    /** The next line that has this text. */
    async line(text: string): Promise<string> {
      for (;;) {
        const { value, done } = await lines.next()
        if (done === true) throw new Error(`no line with ${text}`)
        if (value.includes(text)) return value
      }
    },
  }
}

it('dev shows an event with no configuration but DATABASE_URL, and ends with 0 at Ctrl-C', async () => {
  await createTables('postgres', (statement) => tables.query(statement))
  const dev = start('dev')
  await dev.line('Waiting for events.')
  await tables.query(
    `insert into outbox (id, aggregatetype, aggregateid, type, payload) values (gen_random_uuid(), 'order', '42', 'order.placed', '{"total":12}')`,
  )
  expect(await dev.line('42')).toMatch(
    /^\d\d:\d\d:\d\d\.\d{3} {2}outbox\.event\.order {2}42 {2}order\.placed {2}\{"total":12\}$/,
  )
  dev.child.kill('SIGINT')
  expect(await dev.ended).toBe(0)
  expect(await tables.query('select owner from outbox_lease')).toEqual([{ owner: null }])
})

it('doctor ends with 1 when something is fatal, and prints one object with --json', async () => {
  const doctor = start('doctor', '--json')
  const { outboxes } = JSON.parse(await doctor.line('{')) as {
    outboxes: { outbox: string; findings: { check: string; severity: string; todo: string }[] }[]
  }
  expect(outboxes[0]?.findings[0]).toMatchObject({
    check: 'tables',
    severity: 'fatal',
    todo: expect.stringContaining('outboxkit generate'),
  })
  expect(await doctor.ended).toBe(1)
  await createTables('postgres', (statement) => tables.query(statement))
  const well = start('doctor', '--all')
  await well.line('Kind of server')
  expect(await well.ended).toBe(0)
})

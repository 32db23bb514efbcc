import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'

/** Generates the client of a Prisma schema into `output` unless it is there; returns the path of its entry. */
export function generateClient(schema: string, output: string): string {
  const require = createRequire(import.meta.url)
  const prisma = require.resolve('prisma/package.json')
  const stamp = createHash('sha256').update(readFileSync(prisma)).update(readFileSync(schema)).digest('hex')
  const stampFile = join(output, 'stamp')
  const entry = join(output, 'client.ts')
  if (existsSync(entry) && existsSync(stampFile) && readFileSync(stampFile, 'utf8') === stamp) return entry
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [join(dirname(prisma), 'build/index.js'), 'generate', '--schema', schema],
    {
      // `generate` needs no schema engine, and must not go looking for one on the network.
      env: { ...process.env, PRISMA_SCHEMA_ENGINE_BINARY: '/bin/true', CHECKPOINT_DISABLE: '1' },
      encoding: 'utf8',
    },
  )
  if (status !== 0) throw new Error(`prisma generate failed:\n${stdout}${stderr}`)
  writeFileSync(stampFile, stamp)
  return entry
}

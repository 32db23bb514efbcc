import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const here = dirname(fileURLToPath(import.meta.url))

export type Provider = 'postgresql' | 'mysql'

/**
 * Generates the workload's Prisma client for a database if there is none for this schema and this version of Prisma, and
 * returns the path of its entry. The folder is not in version control.
 */
export function generatePrisma(provider: Provider): string {
  const schema = join(here, '../prisma', `${provider}.prisma`)
  const generated = join(here, '../generated', provider)
  const require = createRequire(import.meta.url)
  const prisma = require.resolve('prisma/package.json')
  const { version } = JSON.parse(readFileSync(prisma, 'utf8')) as { version: string }
  const stamp = createHash('sha256').update(version).update(readFileSync(schema)).digest('hex')
  const stampFile = join(generated, 'stamp')
  const entry = join(generated, 'client.ts')
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

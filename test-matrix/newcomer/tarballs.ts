import { execFile } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { build, packageFolders, root } from '../../tools/checks.js'
import { runCheck } from '../../tools/run-check.js'

/** Paths of the packed packages, by name. */
export type Tarballs = ReadonlyMap<string, string>

/** Builds and packs every package as it would be published. */
export async function packAll(folder: string): Promise<Tarballs> {
  const problem = await runCheck(build)
  if (problem !== undefined) throw new Error(problem)
  mkdirSync(folder, { recursive: true })
  const args = ['pack', '--json', '--pack-destination', folder, ...packageFolders.map((name) => `./${name}`)]
  const { stdout } = await promisify(execFile)('npm', args, { cwd: root, maxBuffer: 1 << 26 })
  const packed = Object.values(JSON.parse(stdout) as Record<string, { name: string; filename: string }>)
  return new Map(
    packed.map(({ name, filename }) => [name, join(folder, filename.replace('@', '').replace('/', '-'))]),
  )
}

/**
 * `npm install a b` with the packed packages in the place of the published ones; those that they bring along as well,
 * since no registry has them.
 */
export function installPacked(command: string, tarballs: Tarballs): string {
  const asked = command.split(' ').slice(2)
  const unknown = asked.filter((name) => !tarballs.has(name))
  if (unknown.length > 0)
    throw new Error(`The README installs ${unknown.join(', ')}: no package of this repository.`)
  const brought = ['@outboxkit/core', '@outboxkit/relay', '@outboxkit/kafka']
  const files = [...new Set([...asked, ...brought])].map((name) => tarballs.get(name) ?? name)
  return `npm install --prefer-offline --no-audit --no-fund --loglevel=error ${files.join(' ')}`
}

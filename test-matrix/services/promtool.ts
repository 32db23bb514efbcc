import { copyFileSync, existsSync, mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { cached } from './cache.js'
import { unpackDebianPackages } from './debian-packages.js'

/** The path of Prometheus' own checker; an installed one by `PROMTOOL`, else that of Debian. Rejects where there is none. */
export async function promtool(): Promise<string> {
  const own = process.env['PROMTOOL']
  if (own !== undefined && own !== '') return own
  const folder = await cached('promtool-bookworm', async (target) => {
    const unpacked = `${target}.all`
    await unpackDebianPackages('bookworm', ['prometheus'], unpacked)
    // The server and the pages that it shows are not needed.
    mkdirSync(target, { recursive: true })
    copyFileSync(join(unpacked, 'usr/bin/promtool'), join(target, 'promtool'))
    rmSync(unpacked, { recursive: true, force: true })
  })
  const path = join(folder, 'promtool')
  if (!existsSync(path)) throw new Error(`${path} was not found: delete ${folder}`)
  return path
}

import { build } from 'esbuild'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../..', import.meta.url))
const built = new Map<string, Promise<string>>()

/**
 * The program `<name>.ts` of this folder as one JavaScript file, so that it runs by plain Node, as in production:
 * a loader of TypeScript would cost memory and time of its own. Packages from npm stay outside and are loaded as
 * always. In `reports/`, from where Node finds them.
 */
export function bundled(name: string): Promise<string> {
  const known = built.get(name) ?? bundle(name)
  built.set(name, known)
  return known
}

async function bundle(name: string): Promise<string> {
  const outfile = join(root, 'reports', 'bench', `${name}.mjs`)
  await build({
    entryPoints: [fileURLToPath(new URL(`./${name}.ts`, import.meta.url))],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    packages: 'external',
    tsconfig: join(root, 'tsconfig.json'),
    logLevel: 'warning',
  })
  return outfile
}

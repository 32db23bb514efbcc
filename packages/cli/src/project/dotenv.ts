import { join } from 'node:path'
import type { ProjectFiles } from './files.js'

const dotenvFiles = ['.env.local', '.env.development.local', '.env.development', '.env']

/**
 * The scheme of a URL in a variable: of the environment, else of the `.env` files next to package.json. Only the
 * scheme leaves this function, because the rest is a secret.
 */
export function urlScheme(
  files: ProjectFiles,
  folders: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
  variable: string,
): string | undefined {
  const scheme = /^\s*["']?([a-z][a-z0-9+.-]*):\/\//i
  const own = scheme.exec(environment[variable] ?? '')?.[1]
  if (own !== undefined) return own.toLowerCase()
  const line = new RegExp(`^[ \\t]*(?:export[ \\t]+)?${variable}[ \\t]*=(.*)$`, 'm')
  for (const folder of folders)
    for (const name of dotenvFiles) {
      const found = scheme.exec(line.exec(files.read(join(folder, name)) ?? '')?.[1] ?? '')?.[1]
      if (found !== undefined) return found.toLowerCase()
    }
  return undefined
}

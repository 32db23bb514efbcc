import { existsSync, readFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { OutboxError } from '@outboxkit/core'

export const configFileNames: readonly string[] = ['ts', 'mts', 'cts', 'js', 'mjs', 'cjs', 'json'].map(
  (extension) => `outbox.config.${extension}`,
)

/**
 * The configuration file in `cwd` or in a folder above it, up to the root of the project or repository: never further, since
 * the file is run. `undefined`: none. Throws `OUTBOX_CONFIG_INVALID` for two in one folder.
 */
export function findConfigFile(cwd: string): string | undefined {
  for (const folder of foldersUpTo(projectRoot(cwd), cwd)) {
    const [found, another] = configFileNames
      .map((name) => join(folder, name))
      .filter((file) => existsSync(file))
    if (another !== undefined)
      throw new OutboxError(
        'OUTBOX_CONFIG_INVALID',
        `There are two configuration files: ${found} and ${another}. Remove one, or name one with --config.`,
      )
    if (found !== undefined) return found
  }
  return undefined
}

/** The nearest folder that is a repository or a workspace; else the nearest package; else `cwd` itself. */
function projectRoot(cwd: string): string {
  const folders = foldersUpTo(undefined, cwd)
  return (
    folders.find(isRepository) ?? folders.find((folder) => existsSync(join(folder, 'package.json'))) ?? cwd
  )
}

function isRepository(folder: string): boolean {
  if (existsSync(join(folder, '.git')) || existsSync(join(folder, 'pnpm-workspace.yaml'))) return true
  try {
    return 'workspaces' in (JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as object)
  } catch {
    return false
  }
}

function foldersUpTo(last: string | undefined, cwd: string): string[] {
  const folders: string[] = []
  for (let folder = resolve(cwd); ; folder = dirname(folder)) {
    folders.push(folder)
    if (folder === last || folder === dirname(folder)) return folders
  }
}

import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const root: string = fileURLToPath(new URL('..', import.meta.url))

/** One thing that must hold for the repository, as a command that fails when it does not. */
export interface Check {
  readonly name: string
  readonly command: readonly [string, ...string[]]
  /** Works on what `build` made. */
  readonly needsBuild?: boolean
}

export const packageFolders: readonly string[] = readdirSync(join(root, 'packages'), { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map((entry) => join('packages', entry.name))

const bin = (path: string, ...args: string[]): [string, ...string[]] => [
  process.execPath,
  join(root, 'node_modules', path),
  ...args,
]

export const build: Check = {
  name: 'build',
  command: bin('turbo/bin/turbo', 'run', 'build', '--output-logs=errors-only'),
}

export const checks: readonly Check[] = [
  { name: 'types (tsc)', command: bin('typescript/bin/tsc', '-p', '.') },
  // Its client is generated, so it is no part of the program above.
  { name: 'types of the Prisma example', command: bin('typescript/bin/tsc', '-p', 'examples/prisma-orders') },
  { name: 'lint (oxlint)', command: bin('oxlint/bin/oxlint', '--deny-warnings') },
  { name: 'format (oxfmt)', command: bin('oxfmt/bin/oxfmt', '--check', '.') },
  { name: 'unused code and dependencies (knip)', command: bin('knip/bin/knip.js', '--no-progress') },
  ...packageFolders.map((folder) => ({
    name: `publint ${folder}`,
    command: bin('publint/src/cli.js', '--strict', folder),
    needsBuild: true,
  })),
  ...packageFolders.map((folder) => ({
    name: `attw ${folder}`,
    // Sub-paths do not exist for the resolution of Node 10, which no supported Node uses.
    command: bin(
      '@arethetypeswrong/cli/dist/index.js',
      '--pack',
      folder,
      '--profile',
      'node16',
      '--no-emoji',
    ),
    needsBuild: true,
  })),
]

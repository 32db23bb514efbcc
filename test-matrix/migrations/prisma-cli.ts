import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { runNode, writeCached, type Outcome } from './programs.js'

/** Prisma 7 is the repository's own; the oldest supported one is kept beside it. */
export type PrismaVersion = 'newest' | 'oldest'

const repository = fileURLToPath(new URL('../..', import.meta.url))
const homes: Record<PrismaVersion, string> = {
  newest: repository,
  oldest: join(repository, 'test-matrix/orms/prisma-oldest/'),
}

/** The folder whose `node_modules` has this version of Prisma. */
export const homeOf = (version: PrismaVersion): string => homes[version]

/**
 * Runs Prisma's command in a project, with Prisma's own schema engine in its WebAssembly build (PostgreSQL only; on
 * other databases what needs an engine fails, and never pretends).
 */
export async function prisma(
  version: PrismaVersion,
  project: { readonly folder: string; readonly url: string },
  ...args: string[]
): Promise<Outcome> {
  const { resolve } = createRequire(join(homes[version], 'package.json'))
  const cli = join(dirname(resolve('prisma/package.json')), 'build/index.js')
  return runNode([cli, ...args], {
    cwd: project.folder,
    env: {
      DATABASE_URL: project.url,
      PRISMA_SCHEMA_ENGINE_BINARY: await schemaEngine(),
      // Prisma 6 looks for it even where `engineType` says that there is none.
      PRISMA_QUERY_ENGINE_LIBRARY: '/bin/true',
      CHECKPOINT_DISABLE: '1',
      PRISMA_HIDE_UPDATE_MESSAGE: '1',
      // A person at a terminal would be asked before `migrate reset`; what this names is a message of that person.
      PRISMA_USER_CONSENT_FOR_DANGEROUS_AI_ACTION: 'a test on a database of its own',
    },
  })
}

let executable: Promise<string> | undefined

/** The path of an executable that Prisma takes for its own. */
export const schemaEngine = (): Promise<string> => (executable ??= makeSchemaEngine())

/** Prisma starts one file, without arguments of ours, and several times for each command: so it is compiled once. */
async function makeSchemaEngine(): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [fileURLToPath(new URL('prisma-engine/main.ts', import.meta.url))],
    bundle: true,
    write: false,
    packages: 'external',
    platform: 'node',
    format: 'esm',
    target: 'node20',
  })
  const program = writeCached('schema-engine.mjs', outputFiles[0]?.text ?? '')
  return writeCached('schema-engine', `#!/bin/sh\nexec "${process.execPath}" "${program}" "$@"\n`, 0o755)
}

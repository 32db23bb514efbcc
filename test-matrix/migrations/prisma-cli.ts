import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { runNode, type Outcome } from './programs.js'

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
      PRISMA_SCHEMA_ENGINE_BINARY: schemaEngine(),
      // Prisma 6 looks for it even where `engineType` says that there is none.
      PRISMA_QUERY_ENGINE_LIBRARY: '/bin/true',
      CHECKPOINT_DISABLE: '1',
      PRISMA_HIDE_UPDATE_MESSAGE: '1',
      // A person at a terminal would be asked before `migrate reset`; what this names is a message of that person.
      PRISMA_USER_CONSENT_FOR_DANGEROUS_AI_ACTION: 'a test on a database of its own',
    },
  })
}

let executable: string | undefined

/** Prisma starts one file and takes no arguments for it. */
function schemaEngine(): string {
  if (executable !== undefined) return executable
  const program = fileURLToPath(new URL('prisma-engine/main.ts', import.meta.url))
  const tsx = createRequire(import.meta.url).resolve('tsx')
  const folder = mkdtempSync(join(tmpdir(), 'outboxkit-schema-engine-'))
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }))
  executable = join(folder, 'schema-engine')
  writeFileSync(executable, `#!/bin/sh\nexec "${process.execPath}" --import "${tsx}" "${program}" "$@"\n`)
  chmodSync(executable, 0o755)
  return executable
}

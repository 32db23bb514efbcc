import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { schemaEngine } from '../migrations/prisma-cli.js'
import { applyMigrations } from '../migrations/prisma-project.js'
import type { DatabaseName } from './projects.js'

/** Prisma's own schema engine in its WebAssembly build: it knows PostgreSQL only. */
export async function prismaEnvironment(): Promise<Readonly<Record<string, string>>> {
  return {
    PRISMA_SCHEMA_ENGINE_BINARY: await schemaEngine(),
    CHECKPOINT_DISABLE: '1',
    PRISMA_HIDE_UPDATE_MESSAGE: '1',
  }
}

/** `prisma migrate` needs a native engine here, which would be downloaded. */
export function cannotRun(command: string, database: DatabaseName): boolean {
  return database !== 'postgres' && /^npx prisma (migrate|db) /.test(command)
}

/** The folder's SQL in order, with Prisma's journal. */
export async function applyByHand(folder: string, url: string): Promise<void> {
  await applyMigrations(
    {
      list: (path) => readdirSync(join(folder, path)).sort(),
      read: (path) => readFileSync(join(folder, path), 'utf8'),
    },
    url,
  )
}

import { createHash } from 'node:crypto'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Dialect } from '@outboxkit/core'
import { root, runCommand, startProgram, type Program } from './processes.js'

export const orms = ['prisma', 'drizzle', 'knex'] as const
export type Orm = (typeof orms)[number]

/** An order service of `examples/`, reached by HTTP like any other client would. */
export interface Application {
  readonly orm: Orm
  readonly url: string
  readonly program: Program
}

const folder = (orm: Orm): string => join(root, 'examples', `${orm}-orders`)

/** Prisma's client is generated code; made when it is missing or the schema has changed. */
export async function generatePrismaClient(dialect: Dialect): Promise<void> {
  const example = folder('prisma')
  const schema = join(example, 'prisma', dialect === 'mysql' ? 'mysql.prisma' : 'schema.prisma')
  const version = readFileSync(join(root, 'node_modules/prisma/package.json'))
  const wanted = createHash('sha256').update(readFileSync(schema)).update(version).digest('hex')
  const stamp = join(example, 'src/generated', dialect, 'stamp')
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) return
  const cli = join(root, 'node_modules/prisma/build/index.js')
  await runCommand(process.execPath, [cli, 'generate', '--schema', schema], {
    cwd: example,
    // `generate` needs no schema engine; without this the CLI would look for one on the network.
    env: {
      PRISMA_SCHEMA_ENGINE_BINARY: process.env['PRISMA_SCHEMA_ENGINE_BINARY'] ?? '/bin/true',
      CHECKPOINT_DISABLE: '1',
    },
  })
  writeFileSync(stamp, wanted)
}

/** Creates the tables with the set-up program of one example; all three use the same ones. */
export function createTables(databaseUrl: string): Promise<void> {
  return runCommand(process.execPath, ['--import', 'tsx', join(folder('knex'), 'src/setup.ts')], {
    env: { DATABASE_URL: databaseUrl },
  })
}

/** Starts the three services side by side, on one database. */
export function startApplications(databaseUrl: string, transferMs: number): Promise<Application[]> {
  return Promise.all(
    orms.map(async (orm) => {
      const program = startProgram(join(folder(orm), 'src/server.ts'), {
        DATABASE_URL: databaseUrl,
        CHANNEL: orm,
        PORT: '0',
        BANK_TRANSFER_MS: String(transferMs),
      })
      const line = await program.waitFor('listening on ')
      return { orm, url: line.slice(line.indexOf('http')).trim(), program }
    }),
  )
}

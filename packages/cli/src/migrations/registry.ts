import type { MigrationTool } from '../config/resolved.js'
import type { MigrationGenerator } from './generator.js'

/** One file of generators each: only the tool in use is loaded. */
const loaders: Readonly<Record<MigrationTool, () => Promise<MigrationGenerator>>> = {
  prisma: async () => (await import('./prisma/generator.js')).prismaGenerator,
  drizzle: async () => (await import('./drizzle/generator.js')).drizzleGenerator,
  knex: async () => (await import('./knex/generator.js')).knexGenerator,
  sql: async () => (await import('./sql/generator.js')).sqlGenerator,
}

export const migrationGenerator = (tool: MigrationTool): Promise<MigrationGenerator> => loaders[tool]()

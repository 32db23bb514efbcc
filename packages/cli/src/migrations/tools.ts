import type { MigrationTool } from '../config/resolved.js'

export const migrationTools: readonly MigrationTool[] = ['prisma', 'drizzle', 'knex', 'sql']

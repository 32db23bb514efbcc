import type { SchemaOptions } from '@outboxkit/core'
import { dialectOf, type Server } from './databases.js'
import { installDrizzle } from './drizzle-kit.js'
import { makeProject, type Project } from './project.js'

/** A project with two tables and a configuration for drizzle-kit. */
export async function drizzleProject(server: Server, options: SchemaOptions): Promise<Project> {
  const isPostgres = dialectOf(server) === 'postgres'
  const schemas = options.schema === undefined ? '' : `\n  schemaFilter: ['public', '${options.schema}'],`
  const project = makeProject({
    'package.json': '{ "name": "orders", "private": true, "type": "module" }\n',
    'drizzle.config.ts': `import { defineConfig } from 'drizzle-kit'

export default defineConfig({
  dialect: '${isPostgres ? 'postgresql' : 'mysql'}',
  schema: './src/schema.ts',
  out: './drizzle',${schemas}
  dbCredentials: { url: process.env.DATABASE_URL! },
})
`,
    'src/schema.ts': isPostgres ? postgresTables : mysqlTables,
  })
  await installDrizzle(project)
  return project
}

// `control` has what drizzle-kit's push reads wrongly, without any doing of ours: a key and an index of several columns.
const postgresTables = `import { index, pgTable, primaryKey, serial, text, uuid } from 'drizzle-orm/pg-core'

export const orders = pgTable('orders', { id: serial('id').primaryKey(), sku: text('sku').notNull() })

export const control = pgTable('control', { name: text('name').notNull(), id: uuid('id').notNull() }, (t) => [
  primaryKey({ columns: [t.name, t.id] }),
  index('control_both').on(t.name, t.id),
])
`
const mysqlTables = `import { bigint, datetime, index, mysqlTable, primaryKey, varchar } from 'drizzle-orm/mysql-core'

export const orders = mysqlTable('orders', {
  id: bigint('id', { mode: 'number', unsigned: true }).primaryKey().autoincrement(),
  sku: varchar('sku', { length: 20 }),
  at: datetime('at', { fsp: 6 }),
})

export const control = mysqlTable(
  'control',
  { name: varchar('name', { length: 20 }).notNull(), id: bigint('id', { mode: 'number' }).notNull() },
  (t) => [primaryKey({ name: 'control_name_id', columns: [t.name, t.id] }), index('control_both').on(t.name, t.id)],
)
`

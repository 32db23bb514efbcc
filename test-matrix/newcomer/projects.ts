export const orms = ['prisma', 'drizzle', 'knex'] as const
export type Orm = (typeof orms)[number]

export const databases = ['postgres', 'mysql', 'mariadb'] as const
export type DatabaseName = (typeof databases)[number]

/** A project as somebody has it who uses the ORM already: one table, its migration, and the handle. */
export interface UserProject {
  readonly files: Readonly<Record<string, string>>
  readonly dependencies: Readonly<Record<string, string>>
  /** The file with the handle `db`, and what closes it. */
  readonly handle: string
  readonly close: string
  /** Lines that a program needs before it can write an order. */
  readonly imports: string
  /** Runs a program of the project; its file goes behind. */
  readonly runner: string
  /** Ending of program files. */
  readonly extension: 'js' | 'ts'
}

export function userProject(orm: Orm, database: DatabaseName): UserProject {
  const isPostgres = database === 'postgres'
  return { knex: knexProject, drizzle: drizzleProject, prisma: prismaProject }[orm](isPostgres)
}

function knexProject(isPostgres: boolean): UserProject {
  return {
    files: {
      'knexfile.js': `export default { client: '${isPostgres ? 'pg' : 'mysql2'}', connection: process.env.DATABASE_URL }\n`,
      'db.js': `import knex from 'knex'
import config from './knexfile.js'

export const db = knex(config)
`,
      'migrations/20260101000000_orders.js': `export const up = (knex) =>
  knex.schema.createTable('orders', (table) => {
    table.increments('id')
    table.integer('total').notNullable()
  })

export const down = (knex) => knex.schema.dropTable('orders')
`,
    },
    dependencies: { knex: '3.3.0', ...driverOf(isPostgres) },
    handle: 'db.js',
    close: 'await db.destroy()',
    imports: `import { db } from './db.js'`,
    runner: 'node',
    extension: 'js',
  }
}

function drizzleProject(isPostgres: boolean): UserProject {
  const columns = isPostgres
    ? `import { integer, pgTable } from 'drizzle-orm/pg-core'

export const orders = pgTable('orders', {
  id: integer().primaryKey().generatedAlwaysAsIdentity(),
  total: integer().notNull(),
})
`
    : `import { int, mysqlTable } from 'drizzle-orm/mysql-core'

export const orders = mysqlTable('orders', {
  id: int().primaryKey().autoincrement(),
  total: int().notNull(),
})
`
  const driver = isPostgres ? 'node-postgres' : 'mysql2'
  return {
    files: {
      'drizzle.config.ts': `import { defineConfig } from 'drizzle-kit'

export default defineConfig({
  dialect: '${isPostgres ? 'postgresql' : 'mysql'}',
  schema: './src/schema.ts',
  out: './drizzle',
  dbCredentials: { url: process.env.DATABASE_URL! },
})
`,
      'src/schema.ts': columns,
      'src/db.ts': `import { drizzle } from 'drizzle-orm/${driver}'

export const db = drizzle(process.env.DATABASE_URL!)
`,
    },
    dependencies: {
      'drizzle-orm': '0.45.4',
      'drizzle-kit': '0.31.11',
      tsx: '4.23.15',
      ...driverOf(isPostgres),
    },
    handle: 'src/db.ts',
    close: 'await db.$client.end()',
    imports: `import { db } from './db.js'\nimport { orders } from './schema.js'`,
    runner: 'npx tsx',
    extension: 'ts',
  }
}

function prismaProject(isPostgres: boolean): UserProject {
  const [adapter, made, adapterPackage] = isPostgres
    ? ['PrismaPg', 'new PrismaPg({ connectionString: process.env.DATABASE_URL })', '@prisma/adapter-pg']
    : ['PrismaMariaDb', 'new PrismaMariaDb(process.env.DATABASE_URL!)', '@prisma/adapter-mariadb']
  const table = isPostgres
    ? `CREATE TABLE "Order" (\n    "id" SERIAL NOT NULL,\n    "total" INTEGER NOT NULL,\n\n    CONSTRAINT "Order_pkey" PRIMARY KEY ("id")\n);\n`
    : `CREATE TABLE \`Order\` (\n    \`id\` INTEGER NOT NULL AUTO_INCREMENT,\n    \`total\` INTEGER NOT NULL,\n\n    PRIMARY KEY (\`id\`)\n) DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci;\n`
  return {
    files: {
      'prisma.config.ts': `import { defineConfig, env } from 'prisma/config'

export default defineConfig({
  schema: 'prisma/schema.prisma',
  datasource: { url: env('DATABASE_URL') },
})
`,
      'prisma/schema.prisma': `generator client {
  provider = "prisma-client"
  output   = "../src/generated"
}

datasource db {
  provider = "${isPostgres ? 'postgresql' : 'mysql'}"
}

model Order {
  id    Int @id @default(autoincrement())
  total Int
}
`,
      'prisma/migrations/migration_lock.toml': `provider = "${isPostgres ? 'postgresql' : 'mysql'}"\n`,
      'prisma/migrations/20260101000000_init/migration.sql': `-- CreateTable\n${table}`,
      'src/db.ts': `import { ${adapter} } from '${adapterPackage}'
import { PrismaClient } from './generated/client.js'

const adapter = ${made}

export const db = new PrismaClient({ adapter })
`,
    },
    dependencies: {
      '@prisma/client': '7.10.0',
      [adapterPackage]: isPostgres ? '7.10.1' : '7.10.0',
      prisma: '7.10.1',
      tsx: '4.23.15',
    },
    handle: 'src/db.ts',
    close: 'await db.$disconnect()',
    imports: `import { db } from './db.js'`,
    runner: 'npx tsx',
    extension: 'ts',
  }
}

const driverOf = (isPostgres: boolean): Record<string, string> =>
  isPostgres ? { pg: '8.23.1' } : { mysql2: '3.24.6' }

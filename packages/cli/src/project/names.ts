/** The kinds of database that the outbox works on. MariaDB is spoken to as MySQL, and named where a file names it. */
export type DatabaseName = 'postgres' | 'mysql' | 'mariadb'

const names: Readonly<Record<DatabaseName, readonly string[]>> = {
  postgres: ['postgres', 'postgresql', 'pg', 'pgnative', 'pg-native'],
  mysql: ['mysql', 'mysql2'],
  mariadb: ['mariadb'],
}

/** From a provider of Prisma, a dialect of Drizzle, a client of Knex, a URL's scheme or a flag. */
export function databaseName(word: string): DatabaseName | undefined {
  const lower = word.toLowerCase()
  return (Object.keys(names) as DatabaseName[]).find((name) => names[name].includes(lower))
}

export const databaseTitles: Readonly<Record<DatabaseName, string>> = {
  postgres: 'PostgreSQL',
  mysql: 'MySQL',
  mariadb: 'MariaDB',
}

export type PackageManager = 'npm' | 'pnpm' | 'yarn' | 'bun'

/** An ORM whose transactions get `emit()`. */
export type Orm = 'prisma' | 'drizzle' | 'knex'

export const ormTitles: Readonly<Record<Orm, string>> = { prisma: 'Prisma', drizzle: 'Drizzle', knex: 'Knex' }

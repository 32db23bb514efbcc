/** Where things are, from the environment. The defaults are those of test-matrix/services/compose.yaml. */
export const databaseUrl: string =
  process.env['DATABASE_URL'] ?? 'postgres://postgres@127.0.0.1:15432/postgres'
/** By the URL's scheme; MariaDB is spoken to as MySQL. */
export const database: 'postgres' | 'mysql' = /^(mysql|mariadb):/.test(databaseUrl) ? 'mysql' : 'postgres'
export const brokers: string[] = (process.env['KAFKA_BROKERS'] ?? '127.0.0.1:19092').split(',')
/** The shop front that this service belongs to. */
export const channel: string = process.env['CHANNEL'] ?? 'prisma'

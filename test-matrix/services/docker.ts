import type { KafkaOptions, KafkaServer, PostgresOptions, PostgresServer } from './server.js'

export async function containersWanted(): Promise<boolean> {
  return false
}
export async function startPostgresContainer(_: PostgresOptions): Promise<PostgresServer> {
  throw new Error('not yet')
}
export async function startKafkaContainers(_: KafkaOptions): Promise<KafkaServer> {
  throw new Error('not yet')
}

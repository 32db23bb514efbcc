import { latestSchemaVersion, OutboxError } from '@outboxkit/core'

/**
 * Throws `OUTBOX_SCHEMA_VERSION` for tables that a newer program has changed: this relay does not know what its columns
 * mean, and would e.g. publish what is to wait.
 */
export function refuseNewerSchema(version: unknown, tableName: string): void {
  const found = Number(version)
  if (!(found > latestSchemaVersion)) return
  throw new OutboxError(
    'OUTBOX_SCHEMA_VERSION',
    `The tables of ${tableName} have schema version ${found}, this relay knows version ${latestSchemaVersion} and those before. Update the relay: npm install outboxkit@latest (or @outboxkit/relay@latest, if it is embedded).`,
    { details: { found, known: latestSchemaVersion } },
  )
}

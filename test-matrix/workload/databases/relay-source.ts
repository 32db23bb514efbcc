import type { Source } from '@outboxkit/relay'
import { mysqlSource } from '@outboxkit/relay/mysql'
import { postgresSource } from '@outboxkit/relay/postgres'
import { plantedRule } from '../planted.js'
import type { RelayConfig } from '../relay-config.js'

/** The source of a relay process. Apart from the databases' other knowledge: a relay loads no ORM. */
export function relaySource(config: RelayConfig): Source {
  const options = {
    url: config.databaseUrl,
    table: { schema: config.schema },
    ...(config.maxBatchEvents === undefined ? {} : { maxBatchEvents: config.maxBatchEvents }),
    ...(config.cleanup === undefined ? {} : { cleanup: config.cleanup }),
    // Two seconds instead of the usual five: the fault is the same, and tests need not wait for it as long.
    internal: { unsafeRule: plantedRule(config.planted), ageMs: 2_000 },
  }
  return config.databaseUrl.startsWith('mysql:') ? mysqlSource(options) : postgresSource(options)
}

import type { OutboxTable } from '@outboxkit/core'
import type { Database } from '../database/database.js'
import { compareSchema, type Drift } from '../migrations/compare-schema.js'
import { schemaOf, type FoundTable, type FoundTables } from '../migrations/found-tables.js'
import { readSchema } from '../migrations/read-schema.js'
import { problem, type Family, type Problem } from './finding.js'

/** Whether the tables are as `outboxkit generate` makes them, with the parts that they have. */
export function driftFamily(database: Database, table: OutboxTable): Family {
  return {
    checks: ['table-drift'],
    run: async () => {
      const found = await readSchema(database, table)
      const schema = schemaOf(found)
      return schema === undefined
        ? []
        : compareSchema(database.dialect, withoutOtherChecks(found), schema).map(toProblem)
    },
  }
}

/** Version, engine and partitions have checks of their own. */
function withoutOtherChecks({ table, tables }: FoundTables): FoundTables {
  const plain = Object.entries(tables).map(([kind, found]): [string, FoundTable] => [
    kind,
    { ...found, engine: undefined, hasDefaultPartition: true },
  ])
  return { table, tables: Object.fromEntries(plain), schemaVersion: undefined }
}

function toProblem({ level, message }: Drift): Problem {
  return problem(
    level === 'error' ? 'warning' : 'info',
    'table-drift',
    `${message.charAt(0).toUpperCase()}${message.slice(1)}.`,
    'Was it changed by hand, or is a migration missing? Compare with what outboxkit generate writes.',
  )
}

import type { ResolvedOutbox } from '../config/resolved.js'
import type { CheckId } from './checks.js'
import { fromSource, problem, type Family, type Problem } from './finding.js'

const common: readonly CheckId[] = ['other-server', 'replica', 'tables', 'privileges', 'columns']
const checksOf = {
  postgres: [
    ...common,
    'pooler',
    'row-level-security',
    'position-index',
    'sequence',
    'sequence-cache',
    'sequence-direction',
    'subscription',
    'fsync',
    'synchronous-commit',
  ],
  mysql: [
    ...common,
    'server-version',
    'galera',
    'group-replication',
    'engine',
    'auto-increment',
    'witness',
    'innodb-flush',
    'sync-binlog',
  ],
} as const

/** What the relay's own source refuses or warns of: its words, its connection, its role. */
export function sourceFamily(outbox: ResolvedOutbox): Family {
  return {
    checks: checksOf[outbox.database.dialect],
    run: async () => {
      const source = outbox.createSource({ onWarning: () => undefined })
      if (source.inspect === undefined)
        return [
          problem(
            'info',
            'tables',
            `The source ${source.name} is your own, and does not say what it would refuse.`,
            'Give it inspect(), or start the relay and see.',
          ),
        ]
      try {
        return (await source.inspect()).map(fromSource).map(withCommand)
      } finally {
        await source.close().catch(() => undefined)
        await source.leases.close().catch(() => undefined)
      }
    },
  }
}

/** The source does not know that it is asked by a program that can write migrations. */
function withCommand(found: Problem): Problem {
  if (found.check !== 'tables' || !found.found.startsWith('There is no table')) return found
  const todo =
    'Apply the migration that outboxkit init has written, or that outboxkit generate writes. Or is another schema or database meant (option table.schema)?'
  return { ...found, todo }
}

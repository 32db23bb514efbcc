import { qualifiedName, type OutboxTable } from '@outboxkit/core'
import { archiveProblems } from '../archive.js'
import type { SourceProblem } from '../problem.js'
import { archiveProbes, readArchiveColumns } from './archive-statements.js'
import type { Connection } from './connection.js'
import { optional, refusal } from './inspect-query.js'
import { readAccount } from './inspect-statements.js'

/** What stands in the way of `cleanup: 'archive'`. `prunes`: old rows are to be deleted. */
export async function inspectArchive(
  connection: Connection,
  table: OutboxTable,
  prunes: boolean,
): Promise<readonly SourceProblem[]> {
  const columns = (await connection.query(readArchiveColumns(table))).rows.map(([name]) => String(name))
  const missing: string[] = []
  for (const { privilege, statement } of archiveProbes(table, prunes))
    // Without any right on a table the server does not tell whether it is there.
    if (columns.length === 0 || (await refusal(connection, statement))) missing.push(privilege)
  const account = String((await optional(connection, readAccount))?.[0] ?? '<account>')
  return archiveProblems(qualifiedName(table, 'mysql', 'archive'), { columns, missing, account })
}

import { qualifiedName, type OutboxTable } from '@outboxkit/core'
import { archiveProblems } from '../archive.js'
import type { SourceProblem } from '../problem.js'
import type { Connection } from './connection.js'

/** What stands in the way of `cleanup: 'archive'`. `prunes`: old rows are to be deleted. */
export async function inspectArchive(
  connection: Connection,
  table: OutboxTable,
  prunes: boolean,
): Promise<readonly SourceProblem[]> {
  const [row] = await connection.query({
    name: '',
    text: `
select json_build_object(
  'columns', (select coalesce(json_agg(a.attname), '[]') from pg_attribute a
    where a.attrelid = t.archive and a.attnum > 0 and not a.attisdropped),
  'missing', (select coalesce(json_agg(p), '[]') from unnest($2::text[]) as p
    where not has_table_privilege(t.archive, p)),
  'role', quote_ident(current_user))::text
from (select to_regclass($1)::oid as archive) t`,
    values: [
      qualifiedName(table, 'postgres', 'archive'),
      prunes ? ['INSERT', 'SELECT', 'DELETE'] : ['INSERT'],
    ],
  })
  const found = JSON.parse(row?.[0] ?? '{}') as { columns: string[]; missing: string[]; role: string }
  return archiveProblems(qualifiedName(table, 'postgres', 'archive'), {
    columns: found.columns,
    missing: found.missing,
    account: found.role,
  })
}

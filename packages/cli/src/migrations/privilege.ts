import { isOutboxError, OutboxError, quoteIdentifier, type OutboxTable } from '@outboxkit/core'
import type { Database } from '../database/database.js'

/**
 * The error of a database as `OUTBOX_PRIVILEGE_MISSING`, with the exact GRANT, when it refused a statement for want of a
 * right; `undefined` for any other error. Not inside a transaction: it asks who we are.
 */
export async function privilegeError(
  database: Database,
  table: OutboxTable,
  error: unknown,
): Promise<OutboxError | undefined> {
  if (!isOutboxError(error, 'OUTBOX_DATABASE_FAILED')) return undefined
  const { code, errno } = error.details
  const isDenied =
    database.dialect === 'postgres' ? code === '42501' : [1044, 1142, 1143, 1227].includes(Number(errno))
  if (!isDenied) return undefined
  const grant = await (database.dialect === 'postgres' ? postgresGrant : mysqlGrant)(
    database,
    table,
    error.message,
  )
  const more =
    database.dialect === 'mysql'
      ? '. (Migrations need create, alter, index, drop, select, insert, update and delete in all.)'
      : ''
  return new OutboxError(
    'OUTBOX_PRIVILEGE_MISSING',
    `${error.message.replace(/\.$/, '')}. Run: ${grant}${more}`,
    { details: { grant }, cause: error },
  )
}

async function postgresGrant({ query }: Database, _: OutboxTable, message: string): Promise<string> {
  const [row] = await query('select quote_ident(current_user) as role, quote_ident(current_database()) as db')
  const role = String(row?.['role'])
  const [, kind, name = ''] =
    /permission denied for (schema|database|table|relation|sequence) (\S+)/.exec(message) ?? []
  const object = quoteIdentifier('postgres', name.replace(/^"(.*)"$/, '$1'))
  if (kind === 'schema') return `grant usage, create on schema ${object} to ${role}`
  if (kind === 'database') return `grant create on database ${String(row?.['db'])} to ${role}`
  if (kind === 'sequence') return `grant usage, select on sequence ${object} to ${role}`
  if (kind !== undefined) return `grant select, insert, update, delete on ${object} to ${role}`
  const owned = /must be owner of \w+ (\S+)/.exec(message)?.[1] ?? ''
  return `${await grantOwner(query, owned)} to ${role}`
}

/** Only the owner may alter a table: membership in the owner is the smallest right that there is. */
async function grantOwner(query: Database['query'], name: string): Promise<string> {
  const [row] = await query(
    'select quote_ident(pg_get_userbyid(c.relowner)) as owner from pg_class c where c.relname = $1 limit 1',
    [name.replace(/^"(.*)"$/, '$1')],
  )
  const owner = row?.['owner']
  return `grant ${typeof owner === 'string' ? owner : '<the owner of the table>'}`
}

async function mysqlGrant({ query }: Database, table: OutboxTable, message: string): Promise<string> {
  const [row] = await query('select current_user() as account, database() as db')
  const database = table.schema ?? String(row?.['db'])
  const rights =
    /([A-Z][A-Z ,]*?) command denied/.exec(message)?.[1] ?? /need[^;]* the (.+?) privilege/.exec(message)?.[1]
  return `grant ${(rights ?? 'all').toLowerCase()} on ${quoteIdentifier('mysql', database)}.* to ${quotedAccount(String(row?.['account']))}`
}

/** `user@host` as the server writes it, in quotes. */
export function quotedAccount(account: string): string {
  const at = account.lastIndexOf('@')
  const quote = (text: string): string => `'${text.replaceAll("'", "''")}'`
  return at === -1 ? quote(account) : `${quote(account.slice(0, at))}@${quote(account.slice(at + 1))}`
}

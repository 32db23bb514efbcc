import type { Database } from '../../database/database.js'
import { humanMs, type DoctorLimits } from '../limits.js'
import { problem, type Family, type Problem } from '../finding.js'

export interface MysqlTransaction {
  /** The session's number; 0: prepared (XA), without one. */
  readonly session: number
  readonly user: string
  readonly ageMs: number
}

export interface MysqlTransactions {
  /** `undefined`: the account may not see them. */
  readonly open: readonly MysqlTransaction[] | undefined
  /** Undo logs that wait for purge; `undefined`: not to be seen. */
  readonly historyLength: number | undefined
}

export function transactionsFamily(database: Database, limits: DoctorLimits): Family {
  return {
    checks: ['old-transactions', 'purge-lag', 'prepared-transactions'],
    run: async () => [
      ...judgeTransactions(
        { open: await readOpen(database), historyLength: await readHistory(database) },
        limits,
      ),
      ...judgePrepared(await readPrepared(database)),
    ],
  }
}

async function readOpen({ query }: Database): Promise<readonly MysqlTransaction[] | undefined> {
  const rows = await query(
    `select cast(t.trx_mysql_thread_id as char) as session, coalesce(p.user, '?') as user,
      cast(timestampdiff(second, t.trx_started, now()) as char) as age
    from information_schema.innodb_trx t left join information_schema.processlist p on p.id = t.trx_mysql_thread_id
    where t.trx_mysql_thread_id <> connection_id() order by t.trx_started limit 100`,
  ).catch(() => undefined)
  return rows?.map((row) => ({
    session: Number(row['session']),
    user: String(row['user']),
    ageMs: Number(row['age']) * 1_000,
  }))
}

/** MariaDB tells it as a status; MySQL to those who have PROCESS. */
async function readHistory({ query, flavour }: Database): Promise<number | undefined> {
  const statement =
    flavour === 'mariadb'
      ? `show global status where variable_name = 'Innodb_history_list_length'`
      : `select count as Value from information_schema.innodb_metrics where name = 'trx_rseg_history_len'`
  const rows = await query(statement).catch(() => [])
  return rows[0] === undefined ? undefined : Number(rows[0]['Value'])
}

/** `undefined`: the account may not see them. How old they are is not told. */
async function readPrepared({ query }: Database): Promise<number | undefined> {
  return (await query('xa recover').catch(() => undefined))?.length
}

export function judgeTransactions(
  { open, historyLength }: MysqlTransactions,
  limits: DoctorLimits,
): Problem[] {
  const problems = (open ?? []).filter(({ ageMs }) => ageMs > limits.oldTransactionMs).map(oldTransaction)
  if (open === undefined)
    problems.push(
      problem(
        'info',
        'old-transactions',
        'Open transactions could not be looked at.',
        'To see them, run doctor with an account that has PROCESS.',
      ),
    )
  if (historyLength === undefined)
    problems.push(
      problem(
        'info',
        'purge-lag',
        'How much waits for purge could not be looked at.',
        'To see it, run doctor with an account that has PROCESS.',
      ),
    )
  else if (historyLength > limits.historyLength)
    problems.push(
      problem(
        'warning',
        'purge-lag',
        `${historyLength} undo logs wait for purge: rows that have left the outbox are still there for whoever reads over them, and a relay that starts has to.`,
        'Look for old transactions (a dump, a report, a forgotten session) and end them.',
      ),
    )
  return problems
}

function oldTransaction({ session, user, ageMs }: MysqlTransaction): Problem {
  if (session === 0)
    return problem(
      'warning',
      'prepared-transactions',
      `A transaction without a session has been open for ${humanMs(ageMs)}: it was prepared (XA). If it has written to the outbox, its events are published when it commits, not before.`,
      'Let its transaction manager end it, or run: xa recover; then xa commit … or xa rollback …',
    )
  return problem(
    'warning',
    'old-transactions',
    `The transaction of session ${session} (${user}) has been open for ${humanMs(ageMs)}. It keeps old row versions from being purged, and if it has written to the outbox, its events are published when it commits, not before.`,
    `Find out what it does; if it is forgotten: kill ${session}`,
  )
}

export function judgePrepared(count: number | undefined): Problem[] {
  if (count === undefined)
    return [
      problem(
        'info',
        'prepared-transactions',
        'Prepared transactions (XA) could not be looked at.',
        'To see them, run doctor with an account that has XA_RECOVER_ADMIN.',
      ),
    ]
  if (count === 0) return []
  return [
    problem(
      'info',
      'prepared-transactions',
      `${count} prepared transactions (XA) wait for their end; their events are published when they commit.`,
      'Is their transaction manager alive? xa recover lists them.',
    ),
  ]
}

import { controlOf } from './mysql-control.js'
import { broken, errnoOf } from './transaction-errors.js'

type OnResult = (error: unknown, rows?: unknown, fields?: unknown) => unknown

/** A command of mysql2, as far as it is looked at. */
interface Command {
  readonly sql?: unknown
  readonly statement?: { readonly query?: unknown }
  onResult?: OnResult | undefined
  once(event: 'end', listener: () => void): unknown
  emit(event: string, ...args: unknown[]): boolean
}

/** A connection of mysql2: every statement of every API goes through this one method. */
interface Connection {
  addCommand(command: Command): unknown
}

// Bits of the status that the server sends with every answer that has no rows.
const inTransaction = 0x0001
const autocommit = 0x0002
const noBackslashEscapes = 0x0200

/** Asks the server for its status. */
export const question = 'do 0'

const deadlock = 1213
// What rolls a whole transaction back too, on some servers or by some settings.
const mayRollBack: ReadonlySet<number> = new Set([1020, 1205, 1206])

const quoted = /'(?:[^'\\]|\\[\s\S])*'|"(?:[^"\\]|\\[\s\S])*"|`[^`]*`/g

const watches = new WeakMap<object, ConnectionWatch>()

/**
 * Watches what happens on a connection of mysql2, and so knows for free whether a transaction is still the one that
 * was opened. Only after a statement has failed, or at the first sight of a connection, the server has to be asked:
 * any statement that gives no rows does (`do 0`).
 *
 * Not seen: a stored procedure that commits and leaves another transaction open.
 */
export class ConnectionWatch {
  /** Grows with each beginning and each end of a transaction. */
  #epoch = 0
  #end: { readonly how: string; readonly cause?: unknown } = { how: 'it has ended' }
  /** The epoch that has begun with a commit. */
  #committed = 0
  /** What the server has said last. */
  #status: number | undefined
  /** Since then something has happened that could have ended the transaction. */
  #doubt: { readonly cause?: unknown } | undefined
  #underWay = 0

  /** The watch of a connection, or of mysql2's promise around one; undefined when it is none of mysql2's. */
  static of(handle: unknown): ConnectionWatch | undefined {
    const connection = connectionOf(handle)
    if (connection === undefined) return undefined
    let watch = watches.get(connection)
    if (watch === undefined) {
      watch = new ConnectionWatch()
      watches.set(connection, watch)
      watch.#attach(connection)
    }
    return watch
  }

  get epoch(): number {
    return this.#epoch
  }

  /** False: outside of a transaction. Undefined: the server has to be asked. */
  get isInTransaction(): boolean | undefined {
    if (this.#status === undefined || this.#doubt !== undefined || this.isBusy) return undefined
    return (this.#status & inTransaction) !== 0
  }

  get isBusy(): boolean {
    return this.#underWay > 0
  }

  /** See {@link SqlExecutor.keepsBackslashes}: mysql2 escapes with backslashes. */
  get keepsBackslashes(): boolean {
    return !this.isBusy && this.#status !== undefined && (this.#status & noBackslashEscapes) === 0
  }

  /** Throws when the transaction that was there at `epoch` is not there any more. */
  assertEpoch(epoch: number): void {
    if (this.#epoch !== epoch) throw broken(this.#end.how, this.#end.cause)
  }

  /** True when what a transaction of `epoch` had written was committed by then, by DDL for example. */
  isCommittedSince(epoch: number): boolean {
    return this.#committed > epoch
  }

  #attach(connection: Connection): void {
    const original = connection.addCommand.bind(connection)
    connection.addCommand = (command) => {
      this.#begun(command)
      return original(command)
    }
  }

  #begun(command: Command): void {
    const sql = textOf(command)
    const control = controlOf(sql)
    if (control !== undefined) this.#controlled(control)
    // A question changes nothing. If it counted, two who ask at the same time would ask for ever.
    let settled = sql === question
    if (!settled) this.#underWay += 1
    const settle = (): void => {
      if (!settled) this.#underWay -= 1
      settled = true
    }
    const { onResult } = command
    if (typeof onResult === 'function')
      command.onResult = (error, rows, fields) => {
        settle()
        this.#answered(sql, error, rows, fields)
        return onResult.call(command, error, rows, fields)
      }
    // A stream. And a command without a statement may reset the connection.
    if (typeof onResult !== 'function' || sql === '') this.#doubt ??= {}
    command.once('end', settle)
  }

  #answered(sql: string, error: unknown, rows: unknown, fields: unknown): void {
    if (error !== null && error !== undefined) return this.#failed(error)
    // Several statements in one text: a list of answers, of which some are rows.
    const isSeveral = Array.isArray(fields) && fields.some((of) => of === undefined || Array.isArray(of))
    for (const answer of isSeveral ? (rows as unknown[]) : [rows]) {
      const status = statusOf(answer)
      if (status !== undefined) this.#told(status, sql)
    }
    if (isSeveral && !/^\s*call\b/i.test(sql))
      for (const text of sql.replaceAll(quoted, "''").split(';').slice(1)) {
        const control = controlOf(text)
        if (control !== undefined) this.#controlled(control)
      }
  }

  #told(status: number, sql: string): void {
    const was = this.#status
    const doubt = this.#doubt
    this.#status = status
    this.#doubt = undefined
    if ((status & inTransaction) !== 0 || (was !== undefined && (was & inTransaction) === 0)) return
    // Noted when it was sent.
    if (controlOf(sql) !== undefined) return
    if (doubt?.cause !== undefined) this.#rolledBack(doubt.cause)
    else this.#ended(`${JSON.stringify(sql.trim().slice(0, 40))} has committed it`, true)
  }

  #failed(error: unknown): void {
    const errno = errnoOf(error)
    // Without autocommit the next statement opens a new transaction, and the status does not show it.
    const hides = this.#status === undefined || (this.#status & autocommit) === 0
    if (errno === deadlock || (hides && errno !== undefined && mayRollBack.has(errno)))
      this.#rolledBack(error)
    this.#doubt ??= { cause: error }
  }

  #controlled(statement: string): void {
    this.#ended(`the application has sent ${statement}`, !statement.startsWith('ROLLBACK'))
  }

  #rolledBack(cause: unknown): void {
    this.#ended('the server has rolled it back when a statement failed', false, cause)
  }

  #ended(how: string, isCommit: boolean, cause?: unknown): void {
    this.#epoch += 1
    if (isCommit) this.#committed = this.#epoch
    this.#end = cause === undefined ? { how } : { how, cause }
  }
}

function connectionOf(handle: unknown): Connection | undefined {
  for (const candidate of [handle, (handle as { connection?: unknown } | null | undefined)?.connection])
    if (typeof (candidate as Partial<Connection> | null | undefined)?.addCommand === 'function')
      return candidate as Connection
  return undefined
}

function textOf({ sql, statement }: Command): string {
  const text = sql ?? statement?.query
  return typeof text === 'string' ? text : ''
}

/** Of an answer without rows. */
function statusOf(answer: unknown): number | undefined {
  if (typeof answer !== 'object' || answer === null || Array.isArray(answer)) return undefined
  const { serverStatus } = answer as { serverStatus?: unknown }
  return typeof serverStatus === 'number' ? serverStatus : undefined
}

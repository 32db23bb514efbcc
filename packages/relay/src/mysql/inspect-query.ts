import { isOutboxError } from '@outboxkit/core'
import type { Connection, RawRow, Statement } from './connection.js'
import { errno } from './errors.js'

/** True when the account may not run the statement. */
export async function refusal(connection: Connection, statement: Statement): Promise<boolean> {
  try {
    await connection.query(statement)
    return false
  } catch (error) {
    const number = isOutboxError(error) ? error.details['errno'] : undefined
    if (number === errno.tableDenied || number === errno.columnDenied) return true
    throw error
  }
}

/** The first row, or `undefined` where the statement is not allowed or not known. */
export async function optional(connection: Connection, statement: Statement): Promise<RawRow | undefined> {
  try {
    return (await connection.query(statement)).rows[0]
  } catch (error) {
    if (isOutboxError(error) && error.details['errno'] !== undefined) return undefined
    throw error
  }
}

import { isOutboxError } from '@outboxkit/core'
import type { Connection } from './connection.js'
import {
  readLockRecording,
  readSessions,
  readStatements,
  requireProcess,
  showOpen,
  type TablePlace,
} from './statements.js'

/**
 * How it is seen who may be in the middle of an insert. `open`: only whether anybody is; `statements`: which
 * statements (performance_schema of MySQL); `sessions`: which sessions are not asleep (privilege PROCESS).
 */
export type WitnessKind = 'open' | 'statements' | 'sessions'

/** What the account would have to be granted so that more than `open` can be used. */
export const missingGrant =
  'grant select on performance_schema.metadata_locks, performance_schema.threads, performance_schema.events_statements_current and performance_schema.setup_instruments (MySQL), or PROCESS on *.*, to the account of the relay'

export interface WitnessConnections {
  readonly reads: Connection
  readonly settles: Connection
}

/** Looks who is inserting. Cheapest first: where nobody uses the table there is nothing to name. */
export class Witness {
  readonly kind: WitnessKind
  readonly #place: TablePlace
  readonly #connection: Connection
  /** Locks that were not recorded, at the start: when there are more, some statement may be missing. */
  readonly #lost: string

  private constructor(
    kind: WitnessKind,
    place: TablePlace,
    { reads, settles }: WitnessConnections,
    lost: string,
  ) {
    this.kind = kind
    this.#place = place
    // Where our own deletions cannot be told from an insert, look when none is under way.
    this.#connection = kind === 'statements' ? reads : settles
    this.#lost = lost
  }

  /** Takes the best that server and account allow; `only`: that one and no other. */
  static async choose(
    place: TablePlace,
    connections: WitnessConnections,
    only: WitnessKind | undefined,
  ): Promise<Witness> {
    const { reads } = connections
    const lost = only === undefined || only === 'statements' ? await recordedLocks(reads, place) : undefined
    if (lost !== undefined) return new Witness('statements', place, connections, lost)
    const mayList = only !== 'open' && (await answers(reads, requireProcess))
    return new Witness(mayList ? 'sessions' : 'open', place, connections, '')
  }

  /** Names of what may be inserting at this moment; `undefined`: somebody may, and cannot be named. */
  async look(): Promise<ReadonlySet<string> | undefined> {
    const [open] = (await this.#connection.query(showOpen(this.#place))).rows
    // Database, Table, In_use, Name_locked
    if (open === undefined || Number(open[2]) === 0) return new Set()
    if (this.kind === 'open') return undefined
    const statement = this.kind === 'sessions' ? readSessions : readStatements(this.#place)
    const running = (await this.#connection.query(statement)).rows.map(([name]) => String(name))
    // afterwards: what was not recorded in the meantime is noticed
    if (this.kind === 'statements' && (await recordedLocks(this.#connection, this.#place)) !== this.#lost)
      return undefined
    return new Set(running)
  }
}

/** How many locks could not be recorded; `undefined` when none are, or the account may not see them. */
async function recordedLocks(connection: Connection, place: TablePlace): Promise<string | undefined> {
  if (!(await answers(connection, readStatements(place)))) return undefined
  const [row] = await rowsOf(connection, readLockRecording)
  return row?.[0] === 'YES' ? String(row[1] ?? '') : undefined
}

async function answers(
  connection: Connection,
  statement: Parameters<Connection['query']>[0],
): Promise<boolean> {
  return (await tryQuery(connection, statement)) !== undefined
}

async function rowsOf(connection: Connection, statement: Parameters<Connection['query']>[0]) {
  return (await tryQuery(connection, statement))?.rows ?? []
}

/** `undefined` when the server refuses the statement: the right is missing, or the table. */
async function tryQuery(connection: Connection, statement: Parameters<Connection['query']>[0]) {
  try {
    return await connection.query(statement)
  } catch (error) {
    if (isOutboxError(error) && error.details['errno'] !== undefined) return undefined
    throw error
  }
}

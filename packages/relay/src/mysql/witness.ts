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
import { StatementNames } from './statement-names.js'

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
  readonly #chosen: WitnessKind
  readonly #place: TablePlace
  readonly #connection: Connection
  readonly #names = new StatementNames()
  /** Something was not recorded: who may be missing in the list may be missing for long. */
  #isBlind = false

  private constructor(kind: WitnessKind, place: TablePlace, { reads, settles }: WitnessConnections) {
    this.#chosen = kind
    this.#place = place
    // Where our own deletions cannot be told from an insert, look when none is under way.
    this.#connection = kind === 'statements' ? reads : settles
  }

  get kind(): WitnessKind {
    return this.#isBlind ? 'open' : this.#chosen
  }

  /** Takes the best that server and account allow; `only`: that one and no other. */
  static async choose(
    place: TablePlace,
    connections: WitnessConnections,
    only: WitnessKind | undefined,
  ): Promise<Witness> {
    const { reads } = connections
    if ((only === undefined || only === 'statements') && (await recordsAll(reads, place)))
      return new Witness('statements', place, connections)
    const mayList = only !== 'open' && (await answers(reads, requireProcess))
    return new Witness(mayList ? 'sessions' : 'open', place, connections)
  }

  /** Names of what may be inserting at this moment; `undefined`: somebody may, and cannot be named. */
  async look(): Promise<ReadonlySet<string> | undefined> {
    const open = (await this.#connection.query(showOpen(this.#place))).rows
    // Database, Table, In_use, Name_locked. Of tables whose names differ in case or accents only, all come.
    if (open.every(([, , inUse]) => Number(inUse) === 0)) return this.#names.none()
    if (this.kind === 'open') return undefined
    const statement = this.kind === 'sessions' ? readSessions : readStatements(this.#place)
    const { rows } = await this.#connection.query(statement)
    if (this.kind === 'sessions') return new Set(rows.map(([name]) => String(name)))
    // afterwards: what was not recorded in the meantime is noticed
    if (await recordsAll(this.#connection, this.#place)) return this.#names.seen(rows)
    this.#isBlind = true
    return undefined
  }
}

/** True when every thread and every lock is recorded, was so since the server's start, and the account may see it. */
async function recordsAll(connection: Connection, place: TablePlace): Promise<boolean> {
  if (!(await answers(connection, readStatements(place)))) return false
  const [row] = (await tryQuery(connection, readLockRecording))?.rows ?? []
  return row !== undefined && row[0] === 'YES' && Number(row[1]) > 0 && Number(row[2] ?? 1) === 0
}

async function answers(
  connection: Connection,
  statement: Parameters<Connection['query']>[0],
): Promise<boolean> {
  return (await tryQuery(connection, statement)) !== undefined
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

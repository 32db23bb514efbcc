import { compareMessage, sameMessage } from './compare.js'
import { expectedMessage, type ExpectedMessage, type WireConfig } from './expected.js'
import type { History, LedgerRow, Message } from './history.js'
import { problemKinds, Tally, unknownOrm, type Counts, type Report } from './report.js'

export interface CheckOptions {
  readonly wire: WireConfig
  /** Fewer committed events prove nothing: the run fails. */
  readonly minEmitted: number
  /** More copies than this fail the run. Default: as many as were emitted. */
  readonly maxDuplicates?: number
  /** Also fails when there is no fault record at all. Planned faults that did not fire always fail. */
  readonly requireFaults?: boolean
  readonly samplesPerKind?: number
}

/** Decides about a history. Pure: the same history gives the same report. */
export function checkHistory(history: History, options: CheckOptions): Report {
  const tally = new Tally(options.samplesPerKind ?? 5)
  const committed = new Map(history.ledger.map((row) => [row.eventId, row]))
  const attempted = new Map(
    history.attempts.flatMap((attempt) =>
      [...attempt.events, ...attempt.abandoned].map((id) => [id, attempt.orm] as const),
    ),
  )
  const firsts = checkMessages(history, options.wire, committed, attempted, tally)
  checkOrder(firsts, tally)
  checkDelivery(history, committed, firsts, tally)
  checkOutcomes(history, committed, tally)
  return { ...tally.result(), failures: failuresOf(history, tally.total, options) }
}

interface First {
  readonly row: LedgerRow
  readonly message: Message
}

/** Looks at each message on its own; returns the first occurrence of each event, in log order per partition. */
function checkMessages(
  history: History,
  wire: WireConfig,
  committed: ReadonlyMap<string, LedgerRow>,
  attempted: ReadonlyMap<string, string>,
  tally: Tally,
): ReadonlyMap<string, First> {
  const firsts = new Map<string, First>()
  const expectations = new Map<string, ExpectedMessage>()
  const inLogOrder = [...history.messages].sort((a, b) =>
    a.topic < b.topic ? -1 : a.topic > b.topic ? 1 : a.partition - b.partition || a.offset - b.offset,
  )
  for (const message of inLogOrder) {
    const id = eventIdOf(message)
    const row = id === null ? undefined : committed.get(id)
    if (id === null || row === undefined) {
      const orm = (id === null ? undefined : attempted.get(id)) ?? unknownOrm
      tally.problem('phantom', orm, id, `${place(message)}: ${id === null ? 'no event id' : 'not committed'}`)
      continue
    }
    const expected = expectations.get(id) ?? expectedMessage(row, wire, history.partitions)
    expectations.set(id, expected)
    const first = firsts.get(id)
    const difference =
      compareMessage(message, expected) ??
      (first !== undefined && !sameMessage(first.message, message)
        ? `differs from its first copy at ${place(first.message)}`
        : null)
    if (difference !== null) tally.problem('corrupt', row.orm, id, `${place(message)}: ${difference}`)
    if (first === undefined) {
      firsts.set(id, { row, message })
      tally.count('received', row.orm)
    } else tally.count('duplicates', row.orm)
  }
  return firsts
}

/** First occurrences of an aggregate must come 1, 2, 3 …; gaps are losses and counted as such. */
function checkOrder(firsts: ReadonlyMap<string, First>, tally: Tally): void {
  const highest = new Map<string, First>()
  for (const first of firsts.values()) {
    const { row, message } = first
    const scope = JSON.stringify([message.topic, message.partition, row.aggregateType, row.aggregateId])
    const before = highest.get(scope)
    if (before === undefined || row.seq > before.row.seq) highest.set(scope, first)
    else
      tally.problem(
        'misordered',
        row.orm,
        row.eventId,
        `${row.aggregateId} #${row.seq} at ${place(message)}, after #${before.row.seq} at ${place(before.message)}`,
      )
  }
}

function checkDelivery(
  history: History,
  committed: ReadonlyMap<string, LedgerRow>,
  firsts: ReadonlyMap<string, First>,
  tally: Tally,
): void {
  const left = new Map(history.left.map((row) => [row.eventId, row.where]))
  // Without the trigger nothing has `stored`, and its absence means nothing.
  const watched = history.ledger.some((row) => row.stored !== null)
  for (const row of history.ledger) {
    const name = `${row.aggregateId} #${row.seq}`
    tally.count('emitted', row.orm)
    if (watched && row.stored === null)
      tally.problem('neverStored', row.orm, row.eventId, `${name}: committed without a row in the outbox`)
    const where = left.get(row.eventId)
    if (where !== undefined)
      tally.problem('stuck', row.orm, row.eventId, `${name}: still in the ${where} table`)
    if (firsts.has(row.eventId)) continue
    const position = row.stored === null ? '' : `, position ${row.stored.position}`
    tally.problem('lost', row.orm, row.eventId, `${name}${position}: not on the topic`)
    if (where === undefined && (!watched || row.stored !== null))
      tally.problem('falseMark', row.orm, row.eventId, `${name}${position}: removed, yet never published`)
  }
  for (const [eventId, where] of left)
    if (!committed.has(eventId))
      tally.problem('stuck', unknownOrm, eventId, `in the ${where} table, not in the ledger`)
}

/** The ledger settles every `unknown`; what it says must agree with what callers were told. */
function checkOutcomes(history: History, committed: ReadonlyMap<string, LedgerRow>, tally: Tally): void {
  for (const { attempt, orm, outcome, events, abandoned } of history.attempts) {
    for (const eventId of events) {
      const isCommitted = committed.has(eventId)
      if (!isCommitted) tally.count('rolledBack', orm)
      if (outcome === 'ok' && !isCommitted)
        tally.problem('wrongOutcome', orm, eventId, `attempt ${attempt} was told ok, but did not commit`)
      if (outcome === 'fail' && isCommitted)
        tally.problem('wrongOutcome', orm, eventId, `attempt ${attempt} was told fail, but committed`)
    }
    for (const eventId of abandoned) {
      if (!committed.has(eventId)) tally.count('rolledBack', orm)
      else
        tally.problem('wrongOutcome', orm, eventId, `attempt ${attempt}: a rolled back savepoint committed`)
    }
    const inLedger = events.filter((id) => committed.has(id)).length
    if (outcome === 'unknown' && inLedger !== 0 && inLedger !== events.length)
      tally.problem('wrongOutcome', orm, events[0] ?? null, `attempt ${attempt} committed in part`)
  }
}

function failuresOf(history: History, total: Counts, options: CheckOptions): string[] {
  const failures: string[] = problemKinds
    .filter((kind) => total[kind] > 0)
    .map((kind) => `${total[kind]} ${kind}`)
  const budget = options.maxDuplicates ?? history.ledger.length
  if (total.duplicates > budget) failures.push(`${total.duplicates} duplicates, more than ${budget}`)
  if (total.emitted < options.minEmitted)
    failures.push(`only ${total.emitted} events committed, ${options.minEmitted} needed`)
  const idle = history.faults.filter((record) => !record.fired)
  if (idle.length > 0)
    failures.push(`planned faults that never fired: ${idle.map((record) => record.fault).join(', ')}`)
  if (options.requireFaults === true && !history.faults.some((record) => record.fired))
    failures.push('no fault fired')
  return failures
}

function eventIdOf(message: Message): string | null {
  const header = message.headers.find(([name]) => name === 'ce_id')?.[1]
  return header?.toString('utf8') ?? null
}

const place = (message: Message): string => `${message.topic}[${message.partition}]@${message.offset}`

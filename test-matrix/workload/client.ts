import { createHash } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import type { LedgerPlace } from '../checker/ledger.js'
import type { WorkloadDatabase } from './databases/database.js'
import type { Plan, PlannedEvent, Step } from './plan.js'

/** What the workload hands to `emit`. */
export interface WorkloadEvent {
  readonly aggregateType: string
  readonly aggregateId: string
  readonly type: string
  readonly payload: unknown
  readonly headers?: Readonly<Record<string, string>>
  readonly id?: string
}

/** An open transaction, or a savepoint in one, of some ORM. */
export interface WorkloadTransaction {
  /** Runs SQL with `$1` placeholders, each used once and in order, through the ORM; returns the rows. */
  query(text: string, values: readonly string[]): Promise<readonly Record<string, unknown>[]>
  /** The same for what has no rows. */
  execute(text: string, values: readonly string[]): Promise<void>
  emit(event: WorkloadEvent): Promise<string>
  emit(events: readonly WorkloadEvent[]): Promise<string[]>
  savepoint(work: (nested: WorkloadTransaction) => Promise<void>): Promise<void>
}

/** One ORM on one database, behind the wrapped handle that an application would use. */
export interface WorkloadClient {
  readonly orm: string
  /** Commits when `work` resolves, rolls back and rejects when it rejects. */
  transaction(work: (tx: WorkloadTransaction) => Promise<void>): Promise<void>
  close(): Promise<void>
}

/** Ends a transaction or savepoint that the plan wants rolled back. */
export class PlannedRollback extends Error {}

/** What a transaction has emitted so far, for the attempt's record. */
export interface Emitted {
  readonly events: string[]
  readonly abandoned: string[]
}

interface RunContext {
  readonly database: WorkloadDatabase
  readonly place: LedgerPlace
  readonly orm: string
  readonly attempt: string
  readonly emitted: Emitted
}

/** Does what the plan says inside `tx`; throws {@link PlannedRollback} if it is not to commit. */
export async function runPlan(tx: WorkloadTransaction, plan: Plan, context: RunContext): Promise<void> {
  await runSteps(tx, plan.steps, context)
  if (!plan.commit) throw new PlannedRollback()
}

async function runSteps(tx: WorkloadTransaction, steps: readonly Step[], context: RunContext): Promise<void> {
  for (const step of steps) {
    if (step.kind === 'wait') await sleep(step.ms)
    else if (step.kind === 'emit') await runEmit(tx, step, context)
    else await runSavepoint(tx, step, context)
  }
}

async function runSavepoint(
  tx: WorkloadTransaction,
  step: Extract<Step, { kind: 'savepoint' }>,
  context: RunContext,
): Promise<void> {
  const inner: Emitted = { events: [], abandoned: [] }
  try {
    await tx.savepoint(async (nested) => {
      await runSteps(nested, step.steps, { ...context, emitted: inner })
      if (!step.keep) throw new PlannedRollback()
    })
    context.emitted.events.push(...inner.events)
    context.emitted.abandoned.push(...inner.abandoned)
  } catch (error) {
    context.emitted.abandoned.push(...inner.events, ...inner.abandoned)
    if (!(error instanceof PlannedRollback)) throw error
  }
}

/** Row lock and number first, then ledger and event, in either order: both belong to the same transaction. */
async function runEmit(
  tx: WorkloadTransaction,
  step: Extract<Step, { kind: 'emit' }>,
  context: RunContext,
): Promise<void> {
  const events: WorkloadEvent[] = []
  for (const planned of step.events) {
    const seq = await context.database.nextSeq(tx, planned.aggregateId, context.place)
    const event = toEvent(planned, seq, context)
    if (event.id !== undefined) await writeLedger(tx, event, event.id, seq, context)
    if (step.mode === 'list') events.push(event)
    else if (step.mode === 'unawaited') void tx.emit(event)
    else await settleId(tx, event, await tx.emit(event), seq, context)
  }
  if (step.mode !== 'list') return
  const ids = await tx.emit(events)
  if (ids.length !== events.length)
    throw new Error(`${events.length} events emitted, ${ids.length} ids returned`)
  for (const [index, event] of events.entries()) {
    const { seq } = event.payload as { seq: number }
    await settleId(tx, event, ids[index]!, seq, context)
  }
}

/** Checks an id that was given, and writes the ledger row of one that was made. */
async function settleId(
  tx: WorkloadTransaction,
  event: WorkloadEvent,
  id: string,
  seq: number,
  context: RunContext,
): Promise<void> {
  if (event.id === undefined) await writeLedger(tx, event, id, seq, context)
  else if (event.id !== id) throw new Error(`emit() answered with id ${id} instead of ${event.id}`)
}

function toEvent(planned: PlannedEvent, seq: number, context: RunContext): WorkloadEvent {
  return {
    aggregateType: 'order',
    aggregateId: planned.aggregateId,
    type: planned.type,
    payload: { seq, orm: context.orm, note: planned.note, total: seq / 4, nested: { list: [1, null, true] } },
    ...(Object.keys(planned.headers).length > 0 ? { headers: planned.headers } : {}),
    ...(planned.id === null ? {} : { id: uniqueId(context.attempt, planned.id) }),
  }
}

/** Seeds have 32 bits: in a long run two plans draw the same id, and the second one could not be committed. */
function uniqueId(attempt: string, planned: string): string {
  const hex = createHash('sha256').update(`${attempt}/${planned}`).digest('hex')
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`
}

async function writeLedger(
  tx: WorkloadTransaction,
  event: WorkloadEvent,
  id: string,
  seq: number,
  { database, place, orm, attempt, emitted }: RunContext,
): Promise<void> {
  emitted.events.push(id)
  await tx.execute(database.insertLedgerSql(place), [
    id,
    orm,
    attempt,
    event.aggregateType,
    event.aggregateId,
    String(seq),
    event.type,
    JSON.stringify(event.payload),
    JSON.stringify(event.headers ?? {}),
  ])
}

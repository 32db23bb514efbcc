import type { Random } from './random.js'

/** An event before its number is known. */
export interface PlannedEvent {
  readonly aggregateId: string
  readonly type: string
  /** Goes into the payload; awkward text on purpose. */
  readonly note: string
  readonly headers: Readonly<Record<string, string>>
  /** `null`: the library makes one, and the ledger row follows the emit. */
  readonly id: string | null
}

/**
 * How the events are handed over: one awaited call each, one call with a list, or calls that nobody awaits and
 * that must go out before COMMIT all the same.
 */
export type EmitMode = 'each' | 'list' | 'unawaited'

export type Step =
  | { readonly kind: 'emit'; readonly mode: EmitMode; readonly events: readonly PlannedEvent[] }
  | { readonly kind: 'wait'; readonly ms: number }
  | { readonly kind: 'savepoint'; readonly steps: readonly Step[]; readonly keep: boolean }

/** What one transaction does; decided before it begins, by its seed alone. */
export interface Plan {
  readonly seed: number
  readonly steps: readonly Step[]
  readonly commit: boolean
}

export interface PlanOptions {
  /** Aggregates to take, ascending: every transaction locks rows in one order, so that none can deadlock. */
  readonly keys: readonly string[]
  readonly rollbackShare: number
  /** Stays open this long after its first emit. */
  readonly holdMs?: number
}

const notes = [
  '',
  'plain',
  'Grüße an die Küche',
  '日本語',
  '😀',
  'quote " and \\ backslash',
  "it's",
  'line\nbreak',
  '$1 ? :x',
]
const eventTypes = ['order.placed', 'order.paid', 'order.shipped']

export function planTransaction(random: Random, options: PlanOptions): Plan {
  const seed = random.seed
  const [first, ...others] = options.keys
  if (first === undefined) throw new Error('a transaction needs a key')
  const steps: Step[] = [emitStep(random, first, random.chance(0.15) ? random.between(2, 4) : 1)]
  if (options.holdMs !== undefined) steps.push({ kind: 'wait', ms: options.holdMs })
  if (options.holdMs !== undefined && random.chance(0.5)) steps.push(emitStep(random, first, 1))
  for (const key of others) {
    const inner = emitStep(random, key, random.between(1, 2))
    steps.push(random.chance(0.4) ? { kind: 'savepoint', steps: [inner], keep: random.chance(0.5) } : inner)
  }
  if (others.length === 0 && random.chance(0.15))
    steps.push({ kind: 'savepoint', steps: [emitStep(random, first, 1)], keep: random.chance(0.5) })
  // A little work after the emit, so that transactions overlap and commit out of order.
  if (random.chance(0.3)) steps.push({ kind: 'wait', ms: random.between(1, 12) })
  return { seed, steps, commit: !random.chance(options.rollbackShare) }
}

function emitStep(random: Random, aggregateId: string, count: number): Step {
  const mode: EmitMode = random.chance(0.25) ? 'unawaited' : count > 1 && random.chance(0.7) ? 'list' : 'each'
  const events = Array.from({ length: count }, () => ({
    aggregateId,
    type: random.pick(eventTypes),
    note: random.pick(notes),
    headers: random.chance(0.3) ? { tenant: random.pick(['acme', 'büro', 'x y']) } : {},
    // Of an un-awaited call the id is known only if it is given.
    id: mode === 'unawaited' || random.chance(0.5) ? random.uuid() : null,
  }))
  return { kind: 'emit', mode, events }
}

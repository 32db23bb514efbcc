import type { StoredEvent } from '@outboxkit/core'
import { fatal, type SourceProblem } from './problem.js'

/** Why a row has left for good, as the archive says it. Only what was `published` is ever replayed. */
export type ArchiveOutcome = 'published' | 'skipped' | 'discarded'

/** What happens to rows that leave for good. */
export type Cleanup = 'delete' | 'archive'

/** Rows that leave together. */
export interface Departure {
  readonly outcome: ArchiveOutcome
  readonly events: readonly StoredEvent[]
}

/** What leaves by a settlement of the outbox or of a held scope. */
export function departuresOf(settlement: {
  readonly done: readonly StoredEvent[]
  readonly skipped?: readonly StoredEvent[] | undefined
  readonly discarded?: readonly StoredEvent[] | undefined
}): readonly Departure[] {
  const { done, skipped = [], discarded = [] } = settlement
  return [
    { outcome: 'published', events: done },
    { outcome: 'skipped', events: skipped },
    { outcome: 'discarded', events: discarded },
  ]
}

/** Archived rows that one step of {@link Source.prune} deletes at most: a settlement waits for one step. */
export const pruneLimit = 1_000

const needed = [
  'position',
  'id',
  'aggregatetype',
  'aggregateid',
  'type',
  'payload',
  'headers',
  'topic',
  'created_at',
  'published_at',
  'outcome',
]

/**
 * What stands in the way of an archive. `columns`: empty when there is no table of the name; if the server does not tell
 * that from one that may not be seen, every right is `missing`.
 */
export function archiveProblems(
  name: string,
  found: {
    readonly columns: readonly string[]
    readonly missing: readonly string[]
    readonly account: string
  },
): readonly SourceProblem[] {
  const grants = found.missing
    .map((privilege) => `grant ${privilege} on ${name} to ${found.account}`)
    .join('; ')
  if (found.columns.length === 0)
    return [
      fatal(
        'archive',
        `cleanup is 'archive', but there is no table ${name}${grants === '' ? '' : `, or ${found.account} may not see it`}.`,
        `Write its migration with 'outboxkit generate --with archive' and apply it, or set cleanup to 'delete'.${grants === '' ? '' : ` If it is there, run: ${grants}`}`,
      ),
    ]
  const columns = needed.filter((column) => !found.columns.includes(column))
  if (columns.length > 0)
    return [
      fatal(
        'archive',
        `${name} lacks the column${columns.length > 1 ? 's' : ''} ${columns.join(', ')}.`,
        "Create it as 'outboxkit generate --with archive' does.",
      ),
    ]
  if (found.missing.length === 0) return []
  return [fatal('archive', `${found.account} lacks privileges for ${name}.`, `Run: ${grants}`)]
}

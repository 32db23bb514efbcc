import type { OutboxTable } from '@outboxkit/core'
import type { Publisher } from '@outboxkit/relay'
import type { Database } from '../database/database.js'
import type { Output } from '../output/output.js'
import { OutboxError } from '@outboxkit/core'
import { oneLine, plural } from './dead-view.js'
import { planReplay, replay, type ReplayPlan, type ReplayProgress, type ReplaySelection } from './replay.js'
import type { ArchiveCursor } from './archive.js'

/** Where no terminal shows the progress, a line about it comes this often, in ms. */
const noteEveryMs = 10_000

export interface ReplayRun {
  /** Name of the outbox. */
  readonly name: string
  readonly database: Database
  readonly table: OutboxTable
  readonly publisher: Publisher
  readonly selection: ReplaySelection
  readonly output: Output
  readonly signal: AbortSignal
}

/** The dry run: says what would be sent. */
export async function printPlan({ name, output, ...run }: ReplayRun): Promise<void> {
  const { database, table, publisher, selection, signal } = run
  const progress = output.progress(`${name}: counting`)
  const plan = await planReplay(database, table, publisher, selection, {
    signal,
    onProgress: (events) => progress.update(`${events} events so far`),
  }).finally(() => progress.stop())
  output.data({ outbox: name, dryRun: true, ...plan })
  if (plan.events === 0) {
    output.line(`${name}: nothing to send again. The archive has no published event that fits.`)
    return
  }
  output.line(`${name}: would send ${plural(plan.events)} again.`)
  output.line(`  published  ${plan.firstPublishedAt} to ${plan.lastPublishedAt}`)
  output.line(`  positions  ${plan.firstPosition} to ${plan.lastPosition}`)
  output.table(['TOPIC', 'EVENTS'], topicRows(plan))
  output.note('Nothing was sent. Add --yes to send them; each carries the header outbox-replay.')
}

/** Sends, shows how far it is, and says how to go on when it ends early. Rejects with why it has ended early. */
export async function runReplay(
  run: ReplayRun,
  { after, eventsPerSecond }: { after: ArchiveCursor | undefined; eventsPerSecond: number | undefined },
): Promise<void> {
  const { name, database, table, publisher, selection, output, signal } = run
  await publisher.open?.()
  const progress = output.progress(`${name}: sending`)
  let notedAt = performance.now()
  const report = ({ events, cursor }: ReplayProgress): void => {
    const text = `${plural(events)} sent again, up to ${cursor === undefined ? '-' : cursorText(cursor)}`
    progress.update(text)
    // Whatever ends this process, somebody can go on from the last line.
    if (output.interactive || performance.now() - notedAt < noteEveryMs) return
    notedAt = performance.now()
    output.note(`${name}: ${text}`)
  }
  const result = await replay(database, table, publisher, selection, {
    after,
    signal,
    eventsPerSecond,
    onProgress: report,
  }).finally(() => progress.stop())
  const { events, cursor, complete, error } = result
  const place = cursor === undefined ? null : cursorText(cursor)
  output.data({
    outbox: name,
    events,
    complete,
    cursor: place,
    ...(error === undefined ? {} : { reason: error.code }),
  })
  if (complete) {
    output.line(`${name}: ${plural(events)} sent again.`)
    return
  }
  output.line(`${name}: ${plural(events)} sent again, then it ended early.`)
  if (place !== null) output.note(`To go on, give the same flags and: --after ${place}`)
  if (error !== undefined) throw error
  signal.throwIfAborted()
}

/** As `--after` takes it. */
export function cursorText({ publishedAt, position }: ArchiveCursor): string {
  return `${publishedAt}/${position}`
}

/** Throws `OUTBOX_OPTION_INVALID` for what {@link cursorText} has not written. */
export function parseCursor(text: string): ArchiveCursor {
  const [, publishedAt, position] = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z)\/(\d{1,16})$/.exec(text) ?? []
  if (
    publishedAt !== undefined &&
    !Number.isNaN(Date.parse(publishedAt)) &&
    Number.isSafeInteger(Number(position))
  )
    return { publishedAt, position: Number(position) }
  throw new OutboxError(
    'OUTBOX_OPTION_INVALID',
    `--after must be what the earlier replay has said, got ${JSON.stringify(text)}.`,
  )
}

function topicRows({ topics }: ReplayPlan): string[][] {
  return [...topics]
    .toSorted((a, b) => b.events - a.events)
    .map(({ topic, events }) => [
      topic === null ? '(none: it would be refused)' : oneLine(topic, 249),
      String(events),
    ])
}

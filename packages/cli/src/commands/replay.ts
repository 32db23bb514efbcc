import { Command, InvalidArgumentError } from 'commander'
import { requirePublishers } from '../config/select.js'
import type { CommandContext, GlobalFlags } from '../context.js'
import { databaseTime, requireArchive, toRange } from '../operations/archive.js'
import { withDatabase } from '../operations/each-outbox.js'
import { parseBound } from '../operations/moment.js'
import { parseCursor, printPlan, runReplay } from '../operations/replay-run.js'
import { withUsage } from '../operations/usage.js'

interface ReplayFlags extends GlobalFlags {
  readonly from?: string
  readonly to?: string
  readonly after?: string
  readonly type?: string
  readonly aggregateType?: string
  readonly aggregateId?: string
  readonly topic?: string
  readonly rate?: number
  readonly yes?: boolean
}

/** `outboxkit replay`: sends archived events again. */
export function replayCommand(context: CommandContext): Command {
  return new Command('replay')
    .description(
      "Send events again that were published and archived (cleanup: 'archive'). Without --yes it only says what it would send.",
    )
    .option(
      '--from <bound>',
      'published at or after this: 2026-01-31T10:00:00Z, 2026-01-31, 2h (ago), or a position',
    )
    .option('--to <bound>', 'published before this; a position is included. Default: now')
    .option('--type <type>', 'only events of this type')
    .option('--aggregate-type <type>', 'only of this aggregate type')
    .option('--aggregate-id <id>', 'only of this aggregate id')
    .option('--topic <topic>', 'only what goes to this topic')
    .option('--after <cursor>', 'go on where an earlier replay of the same events has ended')
    .option('--rate <events>', 'at most so many events a second', toRate)
    .option('--yes', 'send')
    .action(async (_, command: Command) => {
      const flags = command.optsWithGlobals<ReplayFlags>()
      const bounds = withUsage(command, () => ({
        from: flags.from === undefined ? undefined : parseBound('--from', flags.from),
        to: flags.to === undefined ? undefined : parseBound('--to', flags.to),
        after: flags.after === undefined ? undefined : parseCursor(flags.after),
      }))
      const [outbox, ...more] = context.selectOutboxes(await context.loadConfig(flags), flags)
      if (outbox === undefined || more.length > 0)
        command.error('error: there are several outboxes; choose one with --outbox <name>')
      requirePublishers([outbox])
      const { name, table } = outbox
      const output = context.output(flags)
      await withDatabase(outbox, async (database) => {
        await requireArchive(database, table)
        const range = toRange(bounds.from, bounds.to, await databaseTime(database))
        if (isEmpty(range)) command.error('error: --from lies behind --to')
        const { type, aggregateType, aggregateId, topic } = flags
        const selection = { ...range, type, aggregateType, aggregateId, topic }
        const publisher = outbox.createPublisher({ onWarning: (text) => output.note(text) })
        const run = { name, database, table, publisher, selection, output, signal: context.signal }
        try {
          if (flags.yes !== true) await printPlan(run)
          else await runReplay(run, { after: bounds.after, eventsPerSecond: flags.rate })
        } finally {
          await publisher.close()
        }
      })
    })
}

function isEmpty({ from, to, fromPosition, toPosition }: ReturnType<typeof toRange>): boolean {
  if (fromPosition !== undefined && toPosition !== undefined && fromPosition > toPosition) return true
  return from !== undefined && from >= to
}

function toRate(text: string): number {
  const rate = Number(text)
  if (Number.isFinite(rate) && rate >= 1) return Math.floor(rate)
  throw new InvalidArgumentError('It must be a number of events a second, 1 or more.')
}

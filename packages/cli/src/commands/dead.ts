import { Command, InvalidArgumentError, Option } from 'commander'
import { OutboxError } from '@outboxkit/core'
import type { CommandContext, GlobalFlags } from '../context.js'
import { findDead, listDeadEvents, listDeadScopes } from '../operations/dead.js'
import { requireId } from '../operations/dead-row.js'
import type { ScopeCursor } from '../operations/dead.js'
import type { DeadFilter, DeadKind, DeadRequest } from '../operations/dead-row.js'
import { eventData, printEvent, printEvents, printNext, printScopes } from '../operations/dead-view.js'
import { orderProblem, requestDead, type DeadOrder } from '../operations/dead-request.js'
import { parseDuration } from '../operations/duration.js'
import { eachOutbox } from '../operations/each-outbox.js'
import { withUsage } from '../operations/usage.js'

interface FilterFlags extends GlobalFlags, DeadFilter {}

interface ListFlags extends FilterFlags {
  readonly events?: boolean
  readonly limit: number
  readonly after?: string
}

interface RequestFlags extends FilterFlags {
  readonly all?: boolean
  readonly yes?: boolean
  readonly wait?: string | true
}

/** `outboxkit dead`: events that wait out of line. */
export function deadCommand(context: CommandContext): Command {
  return new Command('dead')
    .description('Events that wait out of line because they, or their topic, cannot be published.')
    .addCommand(listCommand(context))
    .addCommand(showCommand(context))
    .addCommand(
      requestCommand(
        context,
        'retry',
        'publish events again; the relay that owns the table does it, in order',
      ),
    )
    .addCommand(
      requestCommand(context, 'discard', 'give events up for good; those that wait behind them go on'),
    )
}

function listCommand(context: CommandContext): Command {
  const command = new Command('list')
    .description('what waits, by scope: all events of a key, or of a topic')
    .option('--events', 'single events instead of scopes; also with --scope')
    .option('--limit <number>', 'most lines', toLimit, 50)
    .option('--after <cursor>', 'go on after this line, as the page before has said')
  return withFilters(command).action(async (_, command: Command) => {
    const flags = command.optsWithGlobals<ListFlags>()
    const output = context.output(flags)
    const { limit, after } = flags
    const filter = filterOf(flags)
    const single = flags.events === true || flags.scope !== undefined
    const cursor = withUsage(command, () => (single ? { position: toPosition(after) } : toScopeCursor(after)))
    await eachOutbox(context, flags, async ({ name, table }, database) => {
      if ('position' in cursor) {
        const page = await listDeadEvents(database, table, { filter, limit, after: cursor.position })
        if (page.items.length === 0) output.line(`${name}: nothing is held.`)
        else printEvents(output, page.items)
        printNext(output, page, String)
        output.data({ outbox: name, events: page.items, next: page.next ?? null })
        return
      }
      const page = await listDeadScopes(database, table, { filter, limit, ...cursor })
      if (page.items.length === 0) output.line(`${name}: nothing is held.`)
      else printScopes(output, page.items)
      printNext(output, page, cursorText)
      output.data({
        outbox: name,
        scopes: page.items,
        next: page.next === undefined ? null : cursorText(page.next),
      })
    })
  })
}

function showCommand(context: CommandContext): Command {
  return new Command('show')
    .description('one event with its payload')
    .argument('<id>', 'id of the event, or its position')
    .option('--full', 'all of the payload')
    .action(async (id: string, _, command: Command) => {
      const flags = command.optsWithGlobals<GlobalFlags & { readonly full?: boolean }>()
      withUsage(command, () => requireId(id))
      const output = context.output(flags)
      const found = await eachOutbox(context, flags, async ({ name, table }, database) => {
        const events = await findDead(database, table, id)
        for (const event of events) {
          printEvent(output, event, flags.full === true)
          output.data({ outbox: name, ...eventData(event) })
        }
        return events.length
      })
      if (found.some((events) => events > 0)) return
      output.note(
        `No held event has the id or position ${id}: it was published or given up, or it never was held.`,
      )
      context.setExitCode(1)
    })
}

function requestCommand(context: CommandContext, request: DeadRequest, description: string): Command {
  const command = new Command(request)
    .description(description)
    .argument('[ids...]', 'ids of events, or positions')
    .option('--all', 'everything that is held')
    .option('--yes', 'do it; without it, more than single events or one scope is only counted')
    .addOption(new Option('--wait [duration]', 'wait until the relay has acted (30s)').preset('30s'))
  return withFilters(command).action(async (ids: string[], _, command: Command) => {
    const flags = command.optsWithGlobals<RequestFlags>()
    const order: DeadOrder = {
      request,
      ids,
      filter: filterOf(flags),
      all: flags.all === true,
      yes: flags.yes === true,
      waitMs: withUsage(command, () =>
        typeof flags.wait === 'string' ? parseDuration('--wait', flags.wait) : undefined,
      ),
    }
    const problem = orderProblem(order)
    if (problem !== undefined) command.error(`error: ${problem}`)
    withUsage(command, () => ids.forEach(requireId))
    await requestDead(context, flags, order)
  })
}

function withFilters(command: Command): Command {
  return command
    .addOption(new Option('--kind <kind>', 'what the events wait for').choices(['key', 'topic', 'time']))
    .option('--scope <scope>', 'a key or a topic as the list shows it')
    .option('--code <code>', 'why, e.g. OUTBOX_PUBLISH_REJECTED')
    .option('--type <type>', 'type of the event')
    .option('--aggregate-type <type>', 'aggregate type of the event')
    .option('--aggregate-id <id>', 'aggregate id of the event')
}

function filterOf({ kind, scope, code, type, aggregateType, aggregateId }: FilterFlags): DeadFilter {
  return { kind, scope, code, type, aggregateType, aggregateId }
}

function toLimit(text: string): number {
  const limit = Number(text)
  if (Number.isSafeInteger(limit) && limit >= 1 && limit <= 1_000) return limit
  throw new InvalidArgumentError('It must be a whole number from 1 to 1000.')
}

function toPosition(after: string | undefined): number {
  const position = Number(after ?? 0)
  if (Number.isSafeInteger(position) && position >= 0) return position
  throw invalidCursor(after)
}

function toScopeCursor(after: string | undefined): { readonly after?: ScopeCursor } {
  if (after === undefined) return {}
  const [, kind, scope = ''] = /^(key|topic|time):(.*)$/s.exec(after) ?? []
  if (kind === undefined) throw invalidCursor(after)
  return { after: { kind: kind as DeadKind, scope } }
}

function cursorText({ kind, scope }: ScopeCursor): string {
  return `${kind}:${scope}`
}

function invalidCursor(after: string | undefined): OutboxError {
  return new OutboxError(
    'OUTBOX_OPTION_INVALID',
    `--after must be what the page before has said, got ${JSON.stringify(after)}.`,
  )
}

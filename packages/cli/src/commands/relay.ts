import { Command, InvalidArgumentError } from 'commander'
import { requirePublishers } from '../config/select.js'
import type { CommandContext, GlobalFlags } from '../context.js'
import { parseDuration } from '../operations/duration.js'
import { exitCodeOf } from '../output/failure.js'
import { createLog } from '../worker/log.js'
import { runOnce, type OnceResult } from '../worker/once.js'
import { runWorker } from '../worker/worker.js'

interface RelayFlags extends GlobalFlags {
  readonly once?: boolean
  readonly wait?: boolean
  readonly maxEvents?: number
  readonly deadline?: number
}

export function relayCommand(context: CommandContext): Command {
  return new Command('relay')
    .description(
      'Publish the events of the outbox tables to Kafka until told to stop. Start it twice: the second one stands by.',
    )
    .option('--once', 'one pass: publish what is there and end')
    .option('--max-events <count>', 'with --once: end after so many events', wholeNumber)
    .option('--deadline <time>', 'with --once: end after this long, e.g. 20s (default: 30s)', duration)
    .option('--wait', 'do not end when the database refuses or lacks the tables: wait until it is put right')
    .action(async (_, command: Command) => {
      const flags = command.optsWithGlobals<RelayFlags>()
      const config = await context.loadConfig(flags)
      const outboxes = context.selectOutboxes(config, flags)
      requirePublishers(outboxes)
      const { colour } = context.output(flags)
      const format = flags.json === true ? 'json' : config.log.format
      // Results go to standard output: lines about the pass must not stand between them.
      const target = flags.once === true ? process.stderr : process.stdout
      const log = createLog({ ...config.log, format }, outboxes, target, { colour })
      const { signal } = context
      if (flags.once === true) {
        const { maxEvents, deadline: deadlineMs } = flags
        report(await runOnce(outboxes, { log, signal, maxEvents, deadlineMs }), context, flags)
        return
      }
      const { http } = config
      context.setExitCode(await runWorker({ outboxes, http }, { log, signal, wait: flags.wait }))
    })
}

function report(results: readonly OnceResult[], context: CommandContext, flags: GlobalFlags): void {
  const output = context.output(flags)
  for (const { error, ...result } of results) {
    output.data(
      error === undefined ? result : { ...result, error: { code: error.code, message: error.message } },
    )
    output.line(
      `${result.outbox}: ${sentences[result.end]}, ${result.published} published, ${result.held} held`,
    )
    if (error !== undefined) output.note(`${result.outbox}: ${error.message}`)
  }
  const codes = results.flatMap(({ error }) => (error === undefined ? [] : [exitCodeOf(error.code)]))
  if (codes.length > 0) context.setExitCode(codes.includes(3) ? 3 : codes.includes(1) ? 1 : 2)
}

const sentences: Readonly<Record<OnceResult['end'], string>> = {
  complete: 'nothing is left',
  bounded: 'more is left',
  elsewhere: 'another relay owns it',
  failed: 'failed',
}

function wholeNumber(text: string): number {
  const value = Number(text)
  if (Number.isSafeInteger(value) && value > 0) return value
  throw new InvalidArgumentError('It must be a whole number above 0.')
}

function duration(text: string): number {
  try {
    return parseDuration('--deadline', text)
  } catch {
    throw new InvalidArgumentError('It must be a time like 500ms, 20s or 5m.')
  }
}

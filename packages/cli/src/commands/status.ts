import { Command, Option } from 'commander'
import { OutboxError } from '@outboxkit/core'
import type { CommandContext, GlobalFlags } from '../context.js'
import { parseDuration } from '../operations/duration.js'
import { pause } from '../operations/pause.js'
import { isOlderThan, StatusReader } from '../operations/status.js'
import { printStatus, statusData, watchHead, watchLine } from '../operations/status-view.js'
import { withUsage } from '../operations/usage.js'

interface StatusFlags extends GlobalFlags {
  readonly failAbove?: string
  readonly watch?: string | true
}

/** `outboxkit status`: what is not published yet, who publishes it, and what stands in the way. */
export function statusCommand(context: CommandContext): Command {
  return new Command('status')
    .description('What is not published yet, which relay owns the table, what is held and why.')
    .option('--fail-above <duration>', 'exit code 1 when the oldest event of a backlog is older, e.g. 5m')
    .addOption(new Option('--watch [interval]', 'look again and again (2s)').preset('2s'))
    .action(async (_, command: Command) => {
      const flags = command.optsWithGlobals<StatusFlags>()
      const { failAbove, watch } = flags
      const { failAboveMs, intervalMs } = withUsage(command, () => ({
        failAboveMs: failAbove === undefined ? Infinity : parseDuration('--fail-above', failAbove),
        intervalMs: typeof watch === 'string' ? toInterval(watch) : undefined,
      }))
      const outboxes = context.selectOutboxes(await context.loadConfig(flags), flags)
      const output = context.output(flags)
      const reader = new StatusReader(outboxes)
      try {
        for (let round = 0; ; round++) {
          const found = await reader.read()
          if (intervalMs === undefined) for (const status of found) printStatus(output, status)
          else {
            if (round === 0) output.line(output.paint.bold(watchHead))
            for (const status of found) output.line(watchLine(status, new Date()))
          }
          for (const status of found) output.data(statusData(status))
          const isBad = found.some((status) => 'error' in status || isOlderThan(status, failAboveMs))
          context.setExitCode(isBad ? 1 : 0)
          if (intervalMs === undefined) return
          await pause(intervalMs, context.signal)
          if (context.signal.aborted) return
        }
      } finally {
        await reader.close()
      }
    })
}

function toInterval(text: string): number {
  const ms = parseDuration('--watch', text)
  if (ms >= 100) return ms
  throw new OutboxError('OUTBOX_OPTION_INVALID', '--watch must be 100ms or more.')
}

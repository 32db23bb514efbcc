import { Command, Option } from 'commander'
import type { CommandContext, GlobalFlags } from '../context.js'
import { runDev } from '../dev/dev.js'
import { DevPrinter } from '../dev/print.js'

interface DevFlags extends GlobalFlags {
  readonly keep?: boolean
  readonly consume?: boolean
  readonly full?: boolean
}

/** `outboxkit dev`: see events as they appear, without Kafka. */
export function devCommand(context: CommandContext): Command {
  return new Command('dev')
    .description('Show events as they appear, on your own database and with a topic in memory.')
    .addOption(new Option('--keep', 'only look: events stay in the outbox').conflicts('consume'))
    .option(
      '--consume',
      'events leave the outbox when they are shown, also where that may not be a database for development',
    )
    .option('--full', 'all of each payload')
    .action(async (_, command: Command) => {
      const flags = command.optsWithGlobals<DevFlags>()
      const output = context.output(flags)
      const config = await context.loadConfig(flags)
      const outboxes = context.selectOutboxes(config, flags)
      const stop = new AbortController()
      const signal = AbortSignal.any([context.signal, stop.signal])
      await Promise.all(
        outboxes.map(async (outbox) => {
          const label = outboxes.length > 1 ? outbox.name : undefined
          const printer = new DevPrinter(output, { label, full: flags.full === true })
          const wish = flags.keep === true ? 'keep' : flags.consume === true ? 'consume' : undefined
          try {
            await runDev(outbox, config, { wish, printer, signal, environment: context.environment })
          } catch (error) {
            stop.abort()
            throw error
          }
        }),
      )
    })
}

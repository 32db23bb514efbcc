import { Command } from 'commander'
import type { CommandContext, GlobalFlags } from '../context.js'
import { diagnose } from '../doctor/doctor.js'
import { printReport, type DoctorReport } from '../doctor/report.js'

interface DoctorFlags extends GlobalFlags {
  readonly all?: boolean
  readonly kafka: boolean
}

/** `outboxkit doctor`: what is wrong, or will be, and what to do. Ends with 1 when something is fatal. */
export function doctorCommand(context: CommandContext): Command {
  return new Command('doctor')
    .description('Check database, tables, rights, settings and Kafka, and say what to do. Changes nothing.')
    .option('--all', 'also the checks that have found nothing')
    .option('--no-kafka', 'only the database')
    .action(async (_, command: Command) => {
      const flags = command.optsWithGlobals<DoctorFlags>()
      const output = context.output(flags)
      const outboxes = context.selectOutboxes(await context.loadConfig(flags), flags)
      const reports: DoctorReport[] = []
      for (const outbox of outboxes) {
        if (context.signal.aborted) return
        const progress = output.progress(`checking ${outbox.name}:`)
        const findings = await diagnose(outbox, {
          kafka: flags.kafka,
          onProgress: (text) => progress.update(text),
        }).finally(() => progress.stop())
        const report = { outbox: outbox.name, findings }
        reports.push(report)
        printReport(output, report, flags.all === true)
      }
      output.data({ outboxes: reports })
      if (reports.some(({ findings }) => findings.some(({ severity }) => severity === 'fatal')))
        context.setExitCode(1)
    })
}

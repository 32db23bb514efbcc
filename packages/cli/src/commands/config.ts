import { Command } from 'commander'
import { effectiveValues } from '../config/effective.js'
import { loadValues, resolveConfig } from '../config/load.js'
import { configurationError } from '../config/problems.js'
import type { EffectiveValue } from '../config/resolved.js'
import { settings } from '../config/settings.js'
import type { CommandContext, GlobalFlags } from '../context.js'
import type { Output } from '../output/output.js'

/** `outboxkit config`: what is in effect, without secrets, and where it came from. */
export function configCommand(context: CommandContext): Command {
  return new Command('config')
    .description('The configuration in effect, without secrets, and where each value came from.')
    .option('--variables', 'every environment variable instead, with what it does')
    .addHelpText(
      'after',
      () => `\nVariables; each also as …_FILE, the path of a file with the value:\n${variablesText()}`,
    )
    .action(async (_, command: Command) => {
      const flags = command.optsWithGlobals<GlobalFlags & { readonly variables?: boolean }>()
      const output = context.output(flags)
      if (flags.variables === true) return printVariables(output)
      const { file, problems, inputs, ...gathered } = await loadValues({
        ...context,
        file: flags.config,
        onWarning: (text) => output.note(text),
      })
      if (problems.length > 0) throw configurationError(problems)
      const values = effectiveValues(gathered)
      output.line(file === undefined ? 'No configuration file.' : `Configuration file: ${file}`)
      output.line()
      output.table(
        ['setting', 'value', 'from'],
        values.map((value) => [value.key, text(value.value), originOf(value)]),
      )
      output.data({ file: file ?? null, outboxes: gathered.outboxes.map(({ name }) => name), values })
      // What every other command would refuse. Warnings were given above.
      await resolveConfig(inputs, () => {})
    })
}

const known = settings.filter(({ variable, fileOf }) => variable !== undefined && fileOf === undefined)

function variablesText(): string {
  return known.map(({ variable, description }) => `  ${variable}\n      ${description}`).join('\n')
}

function printVariables(output: Output): void {
  output.table(
    ['variable', 'default', ''],
    known.map((setting) => [setting.variable ?? '', text(setting.default ?? ''), setting.description]),
  )
  output.data({
    variables: known.map(({ variable, key, description, choices, default: fallback }) => ({
      variable,
      key,
      description,
      ...(choices === undefined ? {} : { choices }),
      ...(fallback === undefined ? {} : { default: fallback }),
    })),
  })
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value)
}

function originOf({ origin, from }: EffectiveValue): string {
  if (origin === 'default') return 'default'
  return origin === 'environment' ? (from ?? '') : `${origin} ${from ?? ''}`
}

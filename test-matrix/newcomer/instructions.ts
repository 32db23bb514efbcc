/** What `outboxkit init` says is to be done next. */
export interface Step {
  readonly title: string
  readonly lines: readonly string[]
}

/**
 * Follows the step `Wrap the handle (file:line)`: its first line goes to the top of the file, its second takes the place of the
 * line that it names.
 */
export function wrapHandle(text: string, step: Step): string {
  const [, at = ''] = /:(\d+)\)$/.exec(step.title) ?? []
  const [imported = '', declaration = ''] = step.lines
  const lines = text.split('\n')
  if (!/=/.test(lines[Number(at) - 1] ?? '')) throw new Error(`There is no handle in line ${at}:\n${text}`)
  lines[Number(at) - 1] = declaration
  return [imported, ...lines].join('\n')
}

/** A program of the user's with the lines of the step `Emit`. */
export function orderProgram(step: Step, { imports, close }: { imports: string; close: string }): string {
  return `${imports}

const data = { total: 12 }
${step.lines.join('\n')}
${close}
`
}

export function stepOf(steps: readonly Step[], title: string): Step {
  const step = steps.find((candidate) => candidate.title.startsWith(title))
  if (step === undefined) throw new Error(`init does not say: ${title}`)
  return step
}

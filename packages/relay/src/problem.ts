import { OutboxError } from '@outboxkit/core'

/** Something about server or tables that stands in a relay's way, or that may cost events. */
export interface SourceProblem {
  /** Stable name: a heading of docs/doctor.md. */
  readonly check: string
  /** `fatal`: a relay refuses to start. `info`: nothing is wrong, something could be better. */
  readonly severity: 'fatal' | 'warning' | 'info'
  /** What is wrong, as a sentence. Never a secret. */
  readonly found: string
  /** What to do about it, as a sentence. */
  readonly todo: string
}

export function fatal(check: string, found: string, todo: string): SourceProblem {
  return { check, severity: 'fatal', found, todo }
}

export function warning(check: string, found: string, todo: string): SourceProblem {
  return { check, severity: 'warning', found, todo }
}

/** Found and what to do, in one text. */
export function problemText({ found, todo }: SourceProblem): string {
  return `${found} ${todo}`
}

/** Throws `OUTBOX_SOURCE_UNSUPPORTED` for the first problem that no retry cures. */
export function refuseFatal(problems: readonly SourceProblem[]): void {
  const first = problems.find(({ severity }) => severity === 'fatal')
  if (first !== undefined)
    throw new OutboxError('OUTBOX_SOURCE_UNSUPPORTED', problemText(first), {
      details: { check: first.check },
    })
}

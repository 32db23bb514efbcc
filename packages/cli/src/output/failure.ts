import { isOutboxError } from '@outboxkit/core'
import type { ExitCode } from '../context.js'

/** An error as people and programs see it. */
export interface Failure {
  /** `OUTBOX_…`, `USAGE`, or `INTERNAL` for what should not happen. */
  readonly code: string
  readonly message: string
  readonly docs?: string | undefined
  readonly details?: Readonly<Record<string, unknown>> | undefined
  readonly exitCode: ExitCode
}

/** The ends of the program. */
export const exitCodes: Readonly<Record<ExitCode | 130, string>> = {
  0: 'It did what it was asked to do.',
  1: 'A fault: something could not be reached or done, or a check has found what it was to look for.',
  2: 'The command line or the configuration is wrong: nothing was done.',
  3: 'The tables and this program do not fit each other: starting it again changes nothing.',
  130: 'Ctrl-C or SIGTERM has ended it before it was done. What runs until then (relay, dev, status --watch) ends with 0.',
}

const pages = 'https://github.com/outboxkit/outboxkit/blob/main/docs'

/** The address of a page of the documentation, e.g. `docsLink('errors', 'OUTBOX_CONFIG_INVALID')`. */
export function docsLink(page: string, anchor?: string): string {
  return `${pages}/${page}.md${anchor === undefined ? '' : `#${anchor.toLowerCase()}`}`
}

export function failureOf(error: unknown): Failure {
  if (isOutboxError(error))
    return {
      code: error.code,
      message: error.message,
      docs: docsLink('errors', error.code),
      ...(Object.keys(error.details).length === 0 ? {} : { details: error.details }),
      exitCode: exitCodeOf(error.code),
    }
  const message = error instanceof Error ? error.message : String(error)
  return { code: 'INTERNAL', message: `${message} (--debug shows where)`, exitCode: 1 }
}

/** 2 for what the caller wrote, 3 for a schema that does not fit, 1 for the rest. */
export function exitCodeOf(code: string): ExitCode {
  if (code === 'OUTBOX_OPTION_INVALID' || code === 'OUTBOX_CONFIG_INVALID') return 2
  return code === 'OUTBOX_SCHEMA_VERSION' ? 3 : 1
}

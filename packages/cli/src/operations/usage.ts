import type { Command } from 'commander'
import { isOutboxError } from '@outboxkit/core'

/** What was written wrongly gets the usage line of the command, and exit code 2. */
export function withUsage<T>(command: Command, parse: () => T): T {
  try {
    return parse()
  } catch (error) {
    if (isOutboxError(error, 'OUTBOX_OPTION_INVALID')) command.error(`error: ${error.message}`)
    throw error
  }
}

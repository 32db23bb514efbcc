import { isOutboxError } from '@outboxkit/core'
import { resolveConfig } from '../../src/config/load.js'
import type { Problem } from '../../src/config/problems.js'
import type { ResolvedConfig } from '../../src/config/resolved.js'

export const url = 'postgres://u:p@localhost:5432/db'

/** A configuration of a file's object and variables, and what was warned of. */
export async function configOf(
  object: unknown,
  environment: Readonly<Record<string, string>> = {},
  cwd = '/project',
): Promise<ResolvedConfig & { readonly warnings: readonly string[] }> {
  const warnings: string[] = []
  const file = object === undefined ? undefined : { path: `${cwd}/outbox.config.ts`, object }
  const config = await resolveConfig({ file, environment, cwd }, (warning) => warnings.push(warning))
  return { ...config, warnings }
}

/** What is wrong, as `where: message`; nothing when nothing is. */
export async function problemsOf(
  object: unknown,
  environment: Readonly<Record<string, string>> = {},
  cwd?: string,
): Promise<readonly string[]> {
  try {
    await configOf(object, environment, cwd)
    return []
  } catch (error) {
    if (!isOutboxError(error, 'OUTBOX_CONFIG_INVALID')) throw error
    return (error.details['problems'] as readonly Problem[]).map(
      ({ where, message }) => `${where}: ${message}`,
    )
  }
}

import { OutboxError } from '@outboxkit/core'
import type { ResolvedConfig } from './resolved.js'

export interface LoadOptions {
  readonly cwd: string
  readonly environment: Readonly<Record<string, string | undefined>>
  /** Default: `outbox.config.*` in `cwd` or above it, as far as the project reaches. */
  readonly file?: string | undefined
  readonly onWarning?: ((message: string) => void) | undefined
}

export async function loadConfig(options: LoadOptions): Promise<ResolvedConfig> {
  await Promise.resolve(options)
  throw new OutboxError('OUTBOX_CONFIG_INVALID', 'The configuration is being written (23:45).')
}

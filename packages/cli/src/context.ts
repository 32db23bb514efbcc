import type { ResolvedConfig, ResolvedOutbox } from './config/resolved.js'
import type { Output } from './output/output.js'

/** Flags that every command has. */
export interface GlobalFlags {
  readonly config?: string | undefined
  readonly json?: boolean | undefined
  /** Which of several outboxes. Default: all, or the only one. */
  readonly outbox?: string | undefined
  /** Errors with their stack. */
  readonly debug?: boolean | undefined
}

/** The program's ends: 0 clean, 1 fault, 2 usage, 3 the schema does not fit this program. */
export type ExitCode = 0 | 1 | 2 | 3

/** What a command runs in; tests make their own. */
export interface CommandContext {
  readonly cwd: string
  readonly environment: Readonly<Record<string, string | undefined>>
  /** Aborted by Ctrl-C and SIGTERM, and when nobody reads the output any more; a second signal ends the process. */
  readonly signal: AbortSignal
  /** `json` is known when a command runs, not before. */
  output(flags: GlobalFlags): Output
  /** File, environment and flags, validated. Rejects with `OUTBOX_CONFIG_INVALID`. */
  loadConfig(flags: GlobalFlags): Promise<ResolvedConfig>
  /** The outboxes that the flags select; at least one. Rejects when the name is not known. */
  selectOutboxes(config: ResolvedConfig, flags: GlobalFlags): readonly ResolvedOutbox[]
  /** For an end that is no error, e.g. `status --fail-above`. */
  setExitCode(code: ExitCode): void
}

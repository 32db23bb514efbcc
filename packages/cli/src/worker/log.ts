import { pino, type Logger } from 'pino'
import { prettyFactory } from 'pino-pretty'
import { redactor } from '../database/failure.js'
import type { ResolvedConfig, ResolvedOutbox } from '../config/resolved.js'
import { plainText } from '../output/output.js'

/** The part of a pino logger that the worker uses. */
export interface WorkerLog {
  debug(fields: object, message: string): void
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
  error(fields: object, message: string): void
  fatal(fields: object, message: string): void
  /** A log whose lines carry these fields too. */
  child(fields: Record<string, unknown>): WorkerLog
}

export interface LogTarget {
  readonly isTTY?: boolean | undefined
  write(text: string): unknown
}

/**
 * JSON lines, or text for people on a terminal. Whatever a line says, no password or key of `outboxes` is in it: each
 * finished line is searched for them.
 */
export function createLog(
  { level, format }: ResolvedConfig['log'],
  outboxes: readonly ResolvedOutbox[],
  target: LogTarget,
  { colour = false }: { readonly colour?: boolean } = {},
): WorkerLog {
  const redact = redactor(outboxes.flatMap(secretsOf))
  const isPretty = format === 'pretty' || (format === 'auto' && target.isTTY === true)
  const pretty = isPretty ? prettyPrinter(outboxes.length > 1, colour) : undefined
  const log: Logger = pino(
    {
      level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      hooks: { streamWrite: redact },
    },
    { write: (line: string) => void target.write(pretty === undefined ? line : pretty(line)) },
  )
  return log
}

/** The message says it all; the fields are for programs. */
function prettyPrinter(isNamed: boolean, colour: boolean): (line: string) => string {
  const format = prettyFactory({
    colorize: colour,
    translateTime: 'SYS:HH:MM:ss',
    hideObject: true,
    messageFormat: (fields, key) => {
      const name = isNamed && typeof fields['outbox'] === 'string' ? `[${fields['outbox']}] ` : ''
      return plainText(`${name}${String(fields[key])}`)
    },
  })
  return (line) => format(line) ?? ''
}

/** Everything in the settings of an outbox that must not be shown. */
function secretsOf({ database, kafka }: ResolvedOutbox): string[] {
  const found: string[] = []
  if (database.url !== undefined) found.push(...passwordsOfUrl(database.url))
  collect(database.config, found)
  collect(kafka?.client, found)
  // A short one would mangle every line, and stands in none by itself.
  const long = found.filter((secret) => secret.length > 3)
  // As it stands in a line of JSON: a key of several lines, a password with a quote.
  return long.flatMap((secret) => [secret, JSON.stringify(secret).slice(1, -1)])
}

function passwordsOfUrl(url: string): string[] {
  const written = /^[a-z0-9+]+:\/\/[^:@/]*:(.*)@/i.exec(url)?.[1] ?? /[?&]password=([^&]*)/.exec(url)?.[1]
  if (written === undefined) return []
  try {
    return [written, decodeURIComponent(written)]
  } catch {
    return [written]
  }
}

const secretNames = /^(password|passphrase|key|secret.*|token|accessKeyId)$/i

function collect(value: unknown, found: string[], depth = 0): void {
  if (typeof value !== 'object' || value === null || depth > 4) return
  for (const [name, inner] of Object.entries(value)) {
    if (typeof inner === 'string' && secretNames.test(name)) found.push(inner)
    else collect(inner, found, depth + 1)
  }
}

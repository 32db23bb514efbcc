const shortest = 3

/**
 * Makes a function that blanks out in a text the secrets of `config` (of its `sasl` and `ssl`), so that
 * no message of kafkajs, OpenSSL or a broker can carry one into a log.
 */
export function redactor(config: {
  readonly sasl?: unknown
  readonly ssl?: unknown
}): (text: string) => string {
  return blankOut([
    ...secretsIn(config.sasl, ['password', 'secretAccessKey', 'sessionToken', 'accessKeyId']),
    ...secretsIn(config.ssl, ['key', 'passphrase', 'pfx']),
  ])
}

/** The same for secrets that are given as they are. */
export function secretsOf(values: readonly string[]): (text: string) => string {
  return blankOut(values.flatMap(texts))
}

function blankOut(secrets: string[]): (text: string) => string {
  // The longest first: one secret may be part of another.
  secrets.sort((a, b) => b.length - a.length)
  return (text) => secrets.reduce((clean, secret) => clean.replaceAll(secret, '***'), text)
}

function secretsIn(value: unknown, names: readonly string[]): string[] {
  if (typeof value !== 'object' || value === null) return []
  return names.flatMap((name) => texts((value as Readonly<Record<string, unknown>>)[name]))
}

/** `ssl.key` may be text, bytes, `{ pem, passphrase }` or a list of these. */
function texts(value: unknown): string[] {
  if (typeof value === 'string') return withLines(value)
  if (value instanceof Uint8Array) return withLines(Buffer.from(value).toString('latin1'))
  if (Array.isArray(value)) return value.flatMap(texts)
  return secretsIn(value, ['pem', 'passphrase', 'buf'])
}

/** A message may quote a single line of a PEM text. */
function withLines(text: string): string[] {
  const parts = text.includes('\n') ? text.split('\n').filter((line) => !line.startsWith('-----')) : []
  return [text, ...parts].filter((part) => part.length >= shortest)
}

/** Statements as a file: each ends with a semicolon and an empty line follows. */
export function joinStatements(statements: readonly string[]): string {
  return statements.map((statement) => `${statement};\n`).join('\n')
}

/**
 * The statements of a file that a person may have edited, without semicolons and without what is only comment.
 * Semicolons in quotes, in comments and between dollars (PostgreSQL) separate nothing.
 */
export function splitStatements(text: string): string[] {
  const statements: string[] = []
  let start = 0
  let at = 0
  const end = (): void => {
    const statement = text.slice(start, at)
    if (hasCode(statement)) statements.push(statement.trim())
  }
  while (at < text.length) {
    if (text[at] === ';') {
      end()
      start = ++at
      continue
    }
    at = skipUnit(text, at)
  }
  end()
  return statements
}

/** The end of what begins at `at`: a quoted text, a comment, or one character. */
function skipUnit(text: string, at: number): number {
  const rest = text.slice(at, at + 70)
  if (rest.startsWith('--')) return endOr(text, text.indexOf('\n', at), 0)
  if (rest.startsWith('/*')) return endOr(text, text.indexOf('*/', at + 2), 2)
  const dollar = /^\$(?:[A-Za-z_]\w*)?\$/.exec(rest)?.[0]
  if (dollar !== undefined) return endOr(text, text.indexOf(dollar, at + dollar.length), dollar.length)
  const quote = /^['"`]/.exec(rest)?.[0]
  if (quote === undefined) return at + 1
  // A doubled quote ends one text and begins the next: nothing comes between.
  return endOr(text, text.indexOf(quote, at + 1), 1)
}

const endOr = (text: string, found: number, length: number): number =>
  found === -1 ? text.length : found + length

function hasCode(statement: string): boolean {
  let at = 0
  while (at < statement.length) {
    const isComment = statement.startsWith('--', at) || statement.startsWith('/*', at)
    if (!isComment && /\S/.test(statement[at] ?? '')) return true
    at = isComment ? skipUnit(statement, at) : at + 1
  }
  return false
}

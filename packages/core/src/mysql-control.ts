const space = /^(?:\s|\(|--(?=\s|$)[^\n]*(?:\n|$)|#[^\n]*(?:\n|$)|\/\*(?![!M])[\s\S]*?\*\/)*/
// ROLLBACK TO SAVEPOINT is no end.
const control =
  /^(?:\/\*M?!\d*\s*)?(begin(?!\s+not\b)|start\s+transaction|commit|rollback(?!(?:\s+work)?\s+to\b)|xa\s+\w+)\b/i

/**
 * The statement when it begins or ends a transaction by its name, in upper case. (Others that end one, as DDL does,
 * are told by the server: it is outside of a transaction after them.)
 */
export function controlOf(sql: string): string | undefined {
  // The beginning is enough, and a text may be megabytes long.
  const start = sql.slice(0, 2000)
  const found = control.exec(start.slice(space.exec(start)?.[0].length ?? 0))?.[1]
  return found?.toUpperCase().replaceAll(/\s+/g, ' ')
}

import {
  dollarPlaceholder,
  inlineStatement,
  questionPlaceholder,
  renderStatement,
  type SqlStatement,
  type SqlValue,
} from '@outboxkit/core'
import type { Database, Query, Row } from '../database/database.js'

type Part = SqlStatement | SqlValue | number

/** A statement, or a piece of one: texts and numbers are bound, pieces are put in as they are. */
export function sql(texts: TemplateStringsArray, ...parts: readonly Part[]): SqlStatement {
  const strings = [texts[0] ?? '']
  const values: SqlValue[] = []
  const append = (text: string): void => void strings.push((strings.pop() ?? '') + text)
  parts.forEach((part, index) => {
    if (typeof part === 'object' && part !== null) {
      append(part.strings[0] ?? '')
      part.values.forEach((value, at) => {
        values.push(value)
        strings.push(part.strings[at + 1] ?? '')
      })
    } else {
      values.push(part === null ? null : String(part))
      strings.push('')
    }
    append(texts[index + 1] ?? '')
  })
  return { strings, values }
}

/** SQL as it is: names that are quoted already, numbers that have been checked. */
export function raw(text: string): SqlStatement {
  return { strings: [text], values: [] }
}

export function joined(pieces: readonly SqlStatement[], separator: string): SqlStatement {
  return pieces.reduce((all, piece) => sql`${all}${raw(separator)}${piece}`)
}

/** Conditions with `and` between them; none: always true. */
export function allOf(conditions: readonly (SqlStatement | undefined)[]): SqlStatement {
  const given = conditions.filter((condition) => condition !== undefined)
  return given.length === 0 ? raw('1 = 1') : joined(given, ' and ')
}

/** Runs a statement on this kind of database. */
export function run(
  { dialect, query }: { readonly dialect: Database['dialect']; readonly query: Query },
  statement: SqlStatement,
): Promise<readonly Row[]> {
  if (dialect === 'postgres')
    return query(renderStatement(statement, dollarPlaceholder), [...statement.values])
  // The driver takes a question mark in a table's name for a placeholder.
  if (statement.strings.some((text) => text.includes('?'))) return query(inlineStatement(statement))
  return query(renderStatement(statement, questionPlaceholder), [...statement.values])
}

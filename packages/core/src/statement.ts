/** A database family: which SQL we write. MariaDB is `mysql`. */
export type Dialect = 'postgres' | 'mysql'

/** A parameter. Only text and NULL: every ORM and driver carries those unchanged. */
export type SqlValue = string | null

/**
 * One SQL statement with its parameters, in the shape of a tagged template: `strings[0] values[0] strings[1] …`.
 * Whoever executes it decides how a placeholder looks ({@link renderStatement}).
 */
export interface SqlStatement {
  readonly strings: readonly string[]
  readonly values: readonly SqlValue[]
}

/** `index` counts from 1. */
export type Placeholder = (index: number) => string

export const dollarPlaceholder: Placeholder = (index) => `$${index}`
export const questionPlaceholder: Placeholder = () => '?'

/** The statement as text, with the placeholders of `placeholder`. */
export function renderStatement(statement: SqlStatement, placeholder: Placeholder): string {
  return statement.strings.reduce((text, part, index) => text + placeholder(index) + part)
}

/**
 * MySQL: the statement as text with its values in it. For names that have a question mark, which some releases of
 * mysql2 take for a placeholder also inside of quotes.
 */
export function inlineStatement({ strings, values }: SqlStatement): string {
  return strings.reduce((text, part, index) => {
    const value = values[index - 1] ?? null
    const hex =
      value === null ? 'null' : `convert(unhex('${Buffer.from(value).toString('hex')}') using utf8mb4)`
    return text + hex + part
  })
}

/** Quotes an identifier; the quote character inside it is doubled. */
export function quoteIdentifier(dialect: Dialect, name: string): string {
  return dialect === 'postgres' ? `"${name.replaceAll('"', '""')}"` : `\`${name.replaceAll('`', '``')}\``
}

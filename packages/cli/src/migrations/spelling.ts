import type { Dialect } from '@outboxkit/core'

// One spelling for types and defaults: what the servers' catalogues say and what our definitions say are compared in it.

/** `varchar(255) character set utf8mb4 …`, `timestamp(6) with time zone`, `bigint(20) unsigned` in one spelling. */
export function spellType(dialect: Dialect, type: string): string {
  const text = type.toLowerCase().replaceAll(/\s+/g, ' ').trim()
  if (dialect === 'mysql')
    // The display width is from before MySQL 8.0.19, and still in MariaDB; it says nothing.
    return text.replace(/\b((?:tiny|small|medium|big)?int)\(\d+\)/, '$1')
  return (
    text
      .replace(/^character varying\b/, 'varchar')
      .replace(/^character\(/, 'char(')
      // Six digits are what it has without a number.
      .replace(/^timestamp(?:\(6\))? with time zone$|^timestamptz\(6\)$/, 'timestamptz')
  )
}

/** `'published'::character varying`, `(utc_timestamp(6))`, `'0'` in one spelling; `null` for no default. */
export function spellDefault(text: string | null | undefined): string | null {
  if (text == null) return null
  let bare = text.trim()
  if (bare.toUpperCase() === 'NULL') return null
  bare = bare.replace(/::[a-z ]+(?:\(\d+\))?$/i, '')
  while (/^\(.*\)$/.test(bare)) bare = bare.slice(1, -1)
  return bare.replace(/^'(.*)'$/, '$1').toLowerCase()
}

import { describe, expect, test } from 'vitest'
import { schemaSql } from '@outboxkit/core'
import { joinStatements, splitStatements } from '../../src/migrations/sql/text.js'

describe('splitStatements()', () => {
  test.for<[string, string[]]>([
    ['', []],
    [' ;; \n; ', []],
    ['-- only; a comment\n/* and; another */', []],
    ['select 1', ['select 1']],
    ['select 1; select 2;', ['select 1', 'select 2']],
    ["select ';', 'it''s;'; select 2", ["select ';', 'it''s;'", 'select 2']],
    ['select ";" ; select `;`', ['select ";"', 'select `;`']],
    ['select 1 -- a; b\n; select 2', ['select 1 -- a; b', 'select 2']],
    ['do $$ begin; end $$; select 1', ['do $$ begin; end $$', 'select 1']],
    ['do $a$ $$;$$; $a$; select $1; select 2', ['do $a$ $$;$$; $a$', 'select $1', 'select 2']],
    ["select 'open; end", ["select 'open; end"]],
    ['/* open; end', []],
  ])('%j', ([text, statements]) => {
    expect(splitStatements(text)).toEqual(statements)
  })

  test('undoes joinStatements()', () => {
    for (const dialect of ['postgres', 'mysql'] as const) {
      const statements = schemaSql(dialect, { name: 'a;b"`\'c', with: ['archive', 'inbox'] })
      expect(splitStatements(joinStatements(statements))).toEqual(statements)
    }
  })
})

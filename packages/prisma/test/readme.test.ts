import { readFileSync } from 'node:fs'
import {
  resolveTable,
  tableDefinition,
  tableKinds,
  tableName,
  type Column,
  type Dialect,
} from '@outboxkit/core'
import { describe, expect, test } from 'vitest'

const file = (name: string): string => readFileSync(new URL(name, import.meta.url), 'utf8')
const blocks = (language: string): string[] =>
  [...file('../README.md').matchAll(new RegExp(`\`\`\`${language}\n([\\s\\S]*?)\`\`\``, 'g'))].map(
    ([, text]) => text ?? '',
  )

describe('README', () => {
  test('its examples are the tested files', () => {
    expect(blocks('ts')).toEqual([file('../test-types/example.ts'), file('../test-types/mysql/example.ts')])
  })

  const models = { postgres: blocks('prisma')[0] ?? '', mysql: blocks('prisma')[1] ?? '' }
  const both = (['postgres', 'mysql'] as const).flatMap((dialect) =>
    tableKinds.map((kind) => ({ dialect, kind })),
  )

  test.for(both)('its models are the tables ($dialect, $kind)', ({ dialect, kind }) => {
    const table = resolveTable()
    const definition = tableDefinition(table, kind)
    const model = models[dialect]
      .split(/^model /m)
      .find((text) => text.includes(`@@map("${tableName(table, kind)}")`))
    expect(columnsOf(model ?? '', dialect)).toEqual(
      definition.columns.map((column) => expectedOf(column, dialect)),
    )
    expect(/^ {2}(\w+).* @id/m.exec(model ?? '')?.[1]).toBe(definition.primaryKey[0])
    expect(model?.includes('@@index')).toBe(definition.indexes.length > 0)
    for (const { suffix } of definition.indexes)
      expect(model).toContain(`map: "${tableName(table, kind)}_${suffix}"`)
  })
})

/** The columns of a model: name, type as in the database, whether NULL is allowed, default. */
function columnsOf(model: string, dialect: Dialect): unknown[] {
  return [...model.matchAll(/^ {2}(\w+) +(\w+)(\??)(.*)$/gm)].map(([, field, type, optional, rest]) => ({
    name: /@map\("(\w+)"\)/.exec(rest ?? '')?.[1] ?? field,
    type: databaseType(type ?? '', /@db\.(\w+(?:\(\d+\))?)/.exec(rest ?? '')?.[1], dialect),
    nullable: optional === '?',
    default: /@default\(/.test(rest ?? ''),
  }))
}

function databaseType(type: string, native: string | undefined, dialect: Dialect): string {
  if (native === 'UnsignedBigInt') return 'bigint unsigned'
  // Six digits are what PostgreSQL has without saying so.
  if (native === 'Timestamptz(6)') return 'timestamptz'
  if (native !== undefined) return native.toLowerCase()
  // Prisma's own choice on MySQL for a String, which fits no column of ours.
  const text = dialect === 'postgres' ? 'text' : 'varchar(191)'
  const int = dialect === 'postgres' ? 'integer' : 'int'
  return { BigInt: 'bigint', Int: int, String: text }[type] ?? type
}

function expectedOf(column: Column, dialect: Dialect): unknown {
  return {
    name: column.name,
    // Prisma has no words for a character set.
    type: column.type[dialect].replace(/ character set.*/, ''),
    nullable: column.nullable,
    default: column.identity === true || column.default !== undefined,
  }
}

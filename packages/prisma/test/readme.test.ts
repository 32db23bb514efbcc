import { readFileSync } from 'node:fs'
import { resolveTable, tableDefinition, tableKinds, tableName, type Column } from '@outboxkit/core'
import { describe, expect, test } from 'vitest'

const file = (name: string): string => readFileSync(new URL(name, import.meta.url), 'utf8')
const blocks = (language: string): string[] =>
  [...file('../README.md').matchAll(new RegExp(`\`\`\`${language}\n([\\s\\S]*?)\`\`\``, 'g'))].map(
    ([, text]) => text ?? '',
  )

describe('README', () => {
  test('its example is the tested file', () => {
    expect(blocks('ts')).toEqual([file('../test-types/example.ts')])
  })

  test.for(tableKinds)('its models are the tables (%s)', (kind) => {
    const table = resolveTable()
    const definition = tableDefinition(table, kind)
    const model = blocks('prisma')
      .join('')
      .split(/^model /m)
      .find((text) => text.includes(`@@map("${tableName(table, kind)}")`))
    expect(columnsOf(model ?? '')).toEqual(definition.columns.map(expectedOf))
    expect(/^ {2}(\w+).* @id/m.exec(model ?? '')?.[1]).toBe(definition.primaryKey)
    expect(model?.includes('@@index')).toBe(definition.indexes.length > 0)
    for (const { suffix } of definition.indexes)
      expect(model).toContain(`map: "${tableName(table, kind)}_${suffix}"`)
  })
})

/** The columns of a model: name, type as in PostgreSQL, whether NULL is allowed. */
function columnsOf(model: string): unknown[] {
  return [...model.matchAll(/^ {2}(\w+) +(\w+)(\??)(.*)$/gm)].map(([, field, type, optional, rest]) => ({
    name: /@map\("(\w+)"\)/.exec(rest ?? '')?.[1] ?? field,
    type: postgresType(type ?? '', /@db\.(\w+(?:\(\d+\))?)/.exec(rest ?? '')?.[1]),
    nullable: optional === '?',
    default: /@default\(/.test(rest ?? ''),
  }))
}

function postgresType(type: string, native: string | undefined): string {
  if (native !== undefined) return native.toLowerCase()
  return { BigInt: 'bigint', Int: 'integer', String: 'text' }[type] ?? type
}

function expectedOf(column: Column): unknown {
  return {
    name: column.name,
    type: column.type.postgres,
    nullable: column.nullable,
    default: column.identity === true || column.default !== undefined,
  }
}

import { schemaTables, type Dialect, type OutboxSchema, type TableKind } from '@outboxkit/core'
import { codeStyle, type CodeStyle } from '../../init/style.js'
import { markOf, optionsOf } from '../mark.js'

/**
 * The lines of a Drizzle schema that export our tables, for drizzle-kit and for reading. `code`: what is in the file
 * already; its style is followed, and a `pgSchema` that it exports is not exported again.
 */
export function definitionsCode(dialect: Dialect, schema: OutboxSchema, code: string): string {
  const style = styleOf(code)
  const { name } = functionOf(dialect, schema)
  const imports = imported(code, name)
    ? []
    : [`import { ${name} } from ${style.q('@outboxkit/drizzle')}${style.end}`]
  const exports = exportLines(dialect, schema, style)
  const { schema: pgSchemaName } = schema.table
  if (dialect === 'postgres' && pgSchemaName !== undefined && pgSchemaName !== 'public') {
    if (!exportsPgSchema(code, pgSchemaName)) {
      if (!imported(code, 'pgSchema'))
        imports.push(`import { pgSchema } from ${style.q('drizzle-orm/pg-core')}${style.end}`)
      exports.push(
        '',
        '// For drizzle-kit, which creates the schema.',
        `export const ${camel(schema.table.name)}Schema = pgSchema(${style.q(pgSchemaName)})${style.end}`,
      )
    }
  }
  return [...imports, ...(imports.length > 0 ? [''] : []), ...exports, ''].join('\n')
}

/** The text with the lines of one state replaced by those of another; `undefined`: they are not there as we wrote them. */
export function changedDefinitions(dialect: Dialect, text: string, to: OutboxSchema): string | undefined {
  const style = styleOf(text)
  const { name } = functionOf(dialect, to)
  const outbox = JSON.stringify(to.table.name)
  // Our mark, and behind it the one statement that begins with it.
  const block = new RegExp(
    String.raw`^// [^\n]*\r?\n// outboxkit schema: \{"name":${escaped(outbox)}[^\n]*\r?\nexport const [^;]*?\b${name}\((?:\{[^}]*\})?\);?[^\S\n]*$`,
    'm',
  )
  if (!block.test(text)) return undefined
  const lines = exportLines(dialect, to, style).join(text.includes('\r\n') ? '\r\n' : '\n')
  return text.replace(block, () => lines)
}

/** Our own marks are full of quotes. */
const styleOf = (code: string): CodeStyle => codeStyle(code.replaceAll(/^\s*\/\/.*$/gm, ''))

const imported = (code: string, name: string): boolean =>
  new RegExp(String.raw`import\s*\{[^}]*\b${name}\b`).test(code)

const remark = '// The tables of Outboxkit, by outboxkit generate, which reads the next line.'

function exportLines(dialect: Dialect, schema: OutboxSchema, style: CodeStyle): string[] {
  const { name, isInboxOnly } = functionOf(dialect, schema)
  const call = `${name}(${argument(schema, style)})${style.end}`
  const head = [remark, `// ${markOf(schema)}`]
  if (isInboxOnly) return [...head, `export const ${exportedAs(schema, 'inbox')} = ${call}`]
  const names = schemaTables(schema).map(({ kind }) => {
    const [property, exported] = [propertyOf(kind), exportedAs(schema, kind)]
    return property === exported ? property : `${property}: ${exported}`
  })
  const statement = `export const { ${names.join(', ')} } = ${call}`
  if (statement.length <= 110) return [...head, statement]
  return [...head, 'export const {', ...names.map((entry) => `  ${entry},`), `} = ${call}`]
}

function functionOf(dialect: Dialect, { parts }: OutboxSchema): { name: string; isInboxOnly: boolean } {
  const isInboxOnly = !parts.includes('base')
  const names =
    dialect === 'postgres' ? ['outboxTables', 'inboxTable'] : ['mysqlOutboxTables', 'mysqlInboxTable']
  return { name: names[isInboxOnly ? 1 : 0] ?? '', isInboxOnly }
}

/** The names of tables, as these lines export them. */
export const exportedNames = (schema: OutboxSchema): string[] =>
  schemaTables(schema).map(({ kind }) => exportedAs(schema, kind))

const suffixOf = (kind: TableKind): string =>
  kind === 'outbox' ? '' : kind.charAt(0).toUpperCase() + kind.slice(1)

const propertyOf = (kind: TableKind): string => `outbox${suffixOf(kind)}`
const exportedAs = ({ table }: OutboxSchema, kind: TableKind): string => camel(table.name) + suffixOf(kind)

function camel(name: string): string {
  const words = name.split(/[^A-Za-z0-9]+/).filter((word) => word !== '')
  const joined = words
    .map((word, i) => (i === 0 ? word.charAt(0).toLowerCase() : word.charAt(0).toUpperCase()) + word.slice(1))
    .join('')
  return /^[A-Za-z]/.test(joined) ? joined : `outbox${joined}`
}

/** What differs from the defaults, as the options of the function. Partitions are not drizzle-kit's. */
function argument(schema: OutboxSchema, { q }: CodeStyle): string {
  const { partitioned: _partitioned, only: _only, name, ...others } = optionsOf(schema)
  const options = { ...(name === 'outbox' ? {} : { name }), ...others }
  const entries = Object.entries(options).map(([key, value]) => `${key}: ${written(value, q)}`)
  return entries.length === 0 ? '' : `{ ${entries.join(', ')} }`
}

function written(value: unknown, q: CodeStyle['q']): string {
  if (Array.isArray(value)) return `[${value.map((entry) => written(entry, q)).join(', ')}]`
  return typeof value === 'string' ? q(value) : String(value)
}

const exportsPgSchema = (code: string, schema: string): boolean =>
  new RegExp(String.raw`export\s+const\s+\w+\s*=\s*pgSchema\(\s*["'\`]${escaped(schema)}["'\`]`).test(code)

const escaped = (text: string): string => text.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`)

import type { PrismaField, PrismaModel } from './models.js'

/** Where a model stands in the text of a schema file. */
export interface ModelBlock {
  readonly name: string
  /** Of the database: `@@map`, or the model's name. */
  readonly table: string
  readonly schema: string | undefined
  /** Numbers of lines: that of `model X {` and that of `}`. */
  readonly first: number
  readonly last: number
}

/** All models of a file. Prisma's grammar has the braces of a block at the ends of lines. */
export function modelBlocks(text: string): ModelBlock[] {
  const lines = text.split(/\r?\n/)
  return lines.flatMap((line, first) => {
    const name = /^\s*model\s+(\w+)\s*\{/.exec(line)?.[1]
    if (name === undefined) return []
    const length = lines.slice(first).findIndex((inner) => /^\s*\}/.test(inner))
    if (length < 0) return []
    const body = lines.slice(first, first + length).join('\n')
    return [
      {
        name,
        table: /^\s*@@map\(\s*(?:name:\s*)?"([^"]+)"/m.exec(body)?.[1] ?? name,
        schema: /^\s*@@schema\(\s*"([^"]+)"/m.exec(body)?.[1],
        first,
        last: first + length,
      },
    ]
  })
}

/** A model as `prisma format` lays it out. */
export function renderModel(model: PrismaModel): string {
  return [
    `model ${model.name} {`,
    ...aligned(model.fields.map(renderField)),
    '',
    ...model.attributes.map((attribute) => `  ${attribute}`),
    '}',
    '',
  ].join('\n')
}

/** What is appended to a file: after an empty line, with the file's own ends of lines. */
export function appended(text: string, addition: string): string {
  const gap = text === '' ? '' : text.endsWith('\n') ? '\n' : '\n\n'
  return withLineEndsOf(text, gap + addition)
}

const withLineEndsOf = (text: string, addition: string): string =>
  text.includes('\r\n') ? addition.replaceAll('\n', '\r\n') : addition

/**
 * The file with a model that is there brought from one state to the next: new fields stand after the last one, and what
 * has changed is changed. Everything else stays as its owner has it: names, comments, `@@ignore`.
 */
export function changeModel(text: string, block: ModelBlock, from: PrismaModel, to: PrismaModel): string {
  const lines = text.split(/\r?\n/)
  const body = lines.slice(block.first + 1, block.last)
  const added: PrismaField[] = []
  for (const field of to.fields) {
    const before = from.fields.find(({ column }) => column === field.column)
    if (before !== undefined && renderField(before) === renderField(field)) continue
    const at = body.findIndex((line) => columnOf(line) === field.column)
    if (at < 0) added.push(field)
    else body[at] = replaced(body[at] ?? '', field)
  }
  const afterFields = body.findLastIndex((line) => columnOf(line) !== undefined) + 1
  body.splice(afterFields, 0, ...added.map(renderField))
  lines.splice(block.first + 1, block.last - block.first - 1, ...aligned(body))
  return withLineEndsOf(text, lines.join('\n'))
}

const renderField = ({ name, type, attributes }: PrismaField): string =>
  `  ${name} ${type} ${attributes}`.trimEnd()

interface FieldLine {
  readonly name: string
  readonly type: string
  readonly rest: string
}

function parseField(line: string): FieldLine | undefined {
  const [, name, type, rest] =
    /^\s*(\w+)\s+(\w+(?:\("[^"]*"\))?(?:\[\]|\?)?)(?:\s+(\S.*?))?\s*$/.exec(line) ?? []
  return name === undefined || type === undefined ? undefined : { name, type, rest: rest ?? '' }
}

function columnOf(line: string): string | undefined {
  const field = parseField(line)
  if (field === undefined) return undefined
  return /@map\(\s*(?:name:\s*)?"([^"]+)"/.exec(field.rest)?.[1] ?? field.name
}

/** The line with another type and other attributes; the name and a comment behind it stay. */
function replaced(line: string, field: PrismaField): string {
  const { name = field.name, rest = '' } = parseField(line) ?? {}
  const comment = /\s*(\/\/.*)$/.exec(rest)?.[1]
  const attributes = comment === undefined ? field.attributes : `${field.attributes} ${comment}`
  return renderField({ ...field, name, attributes })
}

/** Names and types in columns, between one empty line and the next. */
function aligned(lines: readonly string[]): string[] {
  const result: string[] = []
  for (let start = 0; start < lines.length;) {
    const length = lines.slice(start).findIndex((line) => line.trim() === '')
    const end = length < 0 ? lines.length : start + length
    result.push(...alignedGroup(lines.slice(start, end)), ...lines.slice(end, end + 1))
    start = end + 1
  }
  return result
}

function alignedGroup(lines: readonly string[]): string[] {
  const fields = lines.map(parseField)
  const width = (part: 'name' | 'type'): number =>
    Math.max(...fields.map((field) => field?.[part].length ?? 0))
  const [names, types] = [width('name'), width('type')]
  return lines.map((line, i) => {
    const field = fields[i]
    if (field === undefined) return line
    return `  ${field.name.padEnd(names)} ${field.type.padEnd(types)} ${field.rest}`.trimEnd()
  })
}

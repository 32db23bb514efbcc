import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Bench } from './bench.js'
import { Child } from './child.js'
import { generateClient } from './generate-prisma.js'
import type { Pair, Series } from './measurement.js'
import { alternate } from './runner.js'
import type { TypesConfig, TypesLine } from './types-child.js'

const models = 100
const root = fileURLToPath(new URL('../..', import.meta.url))
// In the repository, from where the compiler finds the packages.
const folder = join(root, 'reports', 'bench', 'types')

/** What an editor waits for in a project with a large Prisma schema, with and without the outbox's types. */
export const types: Bench = {
  name: 'types',
  title: `the compiler behind an editor, on a Prisma schema of ${models} models`,
  async *run(stage) {
    if (!stage.options.orms.includes('prisma')) return
    writeProject()
    const found: Record<'cold' | 'edit', Pair[]> = { cold: [], edit: [] }
    const wrapped: TypesLine[] = []
    const plain: TypesLine[] = []
    const measure = async (file: string, lines: TypesLine[]): Promise<number> => {
      const line = await check(file)
      lines.push(line)
      return line.coldMs
    }
    found.cold = await alternate(stage.options.runs, {
      value: () => measure('with-outbox.ts', wrapped),
      against: () => measure('plain.ts', plain),
    })
    found.edit = wrapped.map(({ editMs }, run) => ({ value: editMs, against: plain[run]?.editMs ?? null }))
    const series = (bench: string, pairs: readonly Pair[]): Series => ({
      bench: `types: ${bench}`,
      database: null,
      orm: 'prisma',
      driver: null,
      unit: 'ms',
      aim: null,
      ceiling: 'the same file without the outbox',
      pairs,
    })
    yield series('first check of a file', found.cold)
    yield series('check and completion after an edit', found.edit)
  },
}

async function check(file: string): Promise<TypesLine> {
  const config: TypesConfig = { root, file: join(folder, file) }
  const child = await Child.start<TypesLine>('types-child', config)
  try {
    return await child.waitFor('checked', 120_000)
  } finally {
    await child.end()
  }
}

const name = (index: number): string => `Model${String(index).padStart(3, '0')}`

function writeProject(): void {
  mkdirSync(folder, { recursive: true })
  const schema = join(folder, 'schema.prisma')
  writeFileSync(schema, schemaText())
  generateClient(schema, join(folder, 'client'))
  writeFileSync(join(folder, 'plain.ts'), programText('new PrismaClient({ adapter })', '', ''))
  writeFileSync(
    join(folder, 'with-outbox.ts'),
    programText(
      'withOutbox(new PrismaClient({ adapter }))',
      `import { withOutbox } from '@outboxkit/prisma'\n`,
      `await tx.emit({ aggregateType: 'order', aggregateId: row.id, type: 'order.placed', payload: { total: 1 } })`,
    ),
  )
}

/** Each model with a dozen fields and a relation to the next one. */
function schemaText(): string {
  const head = `generator client {\n  provider = "prisma-client"\n  output = "./client"\n}\ndatasource db {\n  provider = "postgresql"\n}\n`
  const bodies = Array.from({ length: models }, (_, index) => {
    const next = name((index + 1) % models)
    const previous = name((index + models - 1) % models)
    const fields = Array.from(
      { length: 8 },
      (__, field) => `  field${field} ${field % 2 ? 'Int' : 'String?'}`,
    )
    return `model ${name(index)} {
  id String @id
  createdAt DateTime @default(now())
${fields.join('\n')}
  nextId String
  next ${next} @relation("r${index}", fields: [nextId], references: [id])
  previous ${previous}[] @relation("r${(index + models - 1) % models}")
}
`
  })
  return head + bodies.join('')
}

/** Twenty transactions on twenty models. */
function programText(client: string, imports: string, emit: string): string {
  const transactions = Array.from({ length: 20 }, (_, index) => {
    const model = name(index * 5).replace('M', 'm')
    return `export const job${index} = () => db.$transaction(async (tx) => {
  const row = await tx.${model}.findFirstOrThrow({ where: { field1: ${index} }, include: { next: true, previous: true } })
  await tx.${model}.update({ where: { id: row.id }, data: { field3: row.field1 + row.next.field1 } })
  ${emit}
  return row.previous.map(({ field2 }) => field2)
})
`
  })
  return `${imports}import { PrismaPg } from '@prisma/adapter-pg'
import { PrismaClient } from './client/client.js'
const adapter = new PrismaPg({ connectionString: '' })
const db = ${client}
${transactions.join('')}export const last = () => db.$transaction(async (tx) => {
  await tx./* here */model000.count()
})
`
}

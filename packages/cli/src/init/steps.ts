import { relative, sep } from 'node:path'
import type { Project } from '../project/detect.js'
import type { ProjectFiles } from '../project/files.js'
import { findHandle } from '../project/handle.js'
import type { Orm } from '../project/names.js'
import type { Choice } from './choose.js'
import { installCommand, shellWord, withFlags, withManager } from './manager.js'

/** What a person does next. */
export interface Step {
  readonly title: string
  /** Commands, or lines to paste. */
  readonly lines: readonly string[]
}

export interface StepContext {
  readonly files: ProjectFiles
  readonly project: Project
  readonly cwd: string
  /** What the generator leaves to a person. */
  readonly next: readonly string[]
  readonly table: { readonly name?: string | undefined; readonly schema?: string | undefined }
}

/** From here to the first event, in the words of this project. */
export function nextSteps(choice: Choice, context: StepContext): readonly Step[] {
  const { project, next, cwd } = context
  const { style, tool } = choice
  const { packageManager: manager } = project
  const adapter = tool === 'sql' ? [] : [`@outboxkit/${tool}`]
  const missing = [...adapter, 'outboxkit'].filter((name) => !style.dependencies.has(name))
  const place = relative(cwd, style.folder)
  const flags = choice.candidate?.commandFlags ?? []
  return [
    ...(place === ''
      ? []
      : [{ title: 'Commands below run in this folder', lines: [`cd ${shellWord(place)}`] }]),
    ...(missing.length === 0 ? [] : [{ title: 'Install', lines: [installCommand(manager, missing)] }]),
    ...(next.length === 0
      ? []
      : [{ title: 'Migrate', lines: next.map((line) => withManager(manager, withFlags(line, flags))) }]),
    ...(tool === 'sql' ? [insertStep(choice, context)] : [wrapStep(tool, choice, context), emitStep(tool)]),
    { title: 'See the event appear, without Kafka', lines: [withManager(manager, 'npx outboxkit dev')] },
  ]
}

const usual: Readonly<Record<Orm, string>> = {
  prisma: 'new PrismaClient({ adapter })',
  drizzle: 'drizzle(pool)',
  knex: 'knex({ … })',
}

function wrapStep(orm: Orm, { style }: Choice, { files, cwd, table }: StepContext): Step {
  const handle = findHandle(files, style.folder, orm)
  const where =
    handle === undefined ? '' : ` (${relative(cwd, handle.file).split(sep).join('/')}:${handle.line})`
  const module = `@outboxkit/${orm}`
  const names = Object.entries(table).filter(([, value]) => value !== undefined)
  const options =
    names.length === 0
      ? ''
      : `, { table: { ${names.map(([key, value]) => `${key}: ${JSON.stringify(value).replaceAll('"', "'")}`).join(', ')} } }`
  return {
    title: `Wrap the handle${where}`,
    lines: [
      style.isModule || style.isTypeScript
        ? `import { withOutbox } from '${module}'`
        : `const { withOutbox } = require('${module}')`,
      `const db = withOutbox(${handle?.expression ?? usual[orm]}${options})`,
    ],
  }
}

const transactions: Readonly<Record<Orm, readonly [begin: string, write: string, handle: string]>> = {
  prisma: ['db.$transaction(async (tx) => {', 'const order = await tx.order.create({ data })', 'tx'],
  drizzle: [
    'db.transaction(async (tx) => {',
    'const [order] = await tx.insert(orders).values(data).returning()',
    'tx',
  ],
  knex: [
    'db.transaction(async (trx) => {',
    "const [order] = await trx('orders').insert(data).returning('*')",
    'trx',
  ],
}

function emitStep(orm: Orm): Step {
  const [begin, write, handle] = transactions[orm]
  return {
    title: 'Emit, in the transaction that writes your rows',
    lines: [
      `await ${begin}`,
      `  ${write}`,
      `  await ${handle}.emit({ aggregateType: 'order', aggregateId: order.id, type: 'order.placed', payload: { total: order.total } })`,
      '})',
    ],
  }
}

/** Without an ORM of ours, the event is a row like any other. */
function insertStep({ database }: Choice, { table }: StepContext): Step {
  const name = [table.schema, table.name ?? 'outbox'].filter((part) => part !== undefined).join('.')
  const id = database === 'postgres' ? 'gen_random_uuid()' : 'uuid()'
  return {
    title: 'Insert the event, in the transaction that writes your rows',
    lines: [
      `insert into ${name} (id, aggregatetype, aggregateid, type, payload)`,
      `values (${id}, 'order', '42', 'order.placed', '{"total": 12}')`,
    ],
  }
}

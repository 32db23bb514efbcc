import { relative, sep } from 'node:path'
import type { Project } from '../project/detect.js'
import type { ProjectFiles } from '../project/files.js'
import { findHandle, type Handle } from '../project/handle.js'
import type { Orm } from '../project/names.js'
import type { Choice } from './choose.js'
import { configFlags } from './config-file.js'
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
  /** The configuration that was asked for. */
  readonly config?: string | undefined
  readonly table: { readonly name?: string | undefined; readonly schema?: string | undefined }
}

/** From here to the first event, in the words of this project. */
export function nextSteps(choice: Choice, context: StepContext): readonly Step[] {
  const { project, next, cwd, config } = context
  const { style, tool } = choice
  const { packageManager: manager } = project
  const adapter = tool === 'sql' ? [] : [`@outboxkit/${tool}`]
  const missing = [...adapter, 'outboxkit'].filter((name) => !style.dependencies.has(name))
  const place = relative(cwd, style.folder)
  const flags = choice.candidate?.commandFlags ?? []
  const ownFlags = config === undefined ? [] : configFlags(style.folder, config)
  return [
    ...(place === ''
      ? []
      : [{ title: 'Commands below run in this folder', lines: [`cd ${shellWord(place)}`] }]),
    ...(missing.length === 0 ? [] : [{ title: 'Install', lines: [installCommand(manager, missing)] }]),
    ...(next.length === 0
      ? []
      : [{ title: 'Migrate', lines: next.map((line) => withManager(manager, withFlags(line, flags))) }]),
    ...(tool === 'sql' ? [insertStep(choice, context)] : handleSteps(tool, choice, context)),
    {
      title: 'See the event appear, without Kafka',
      lines: [withManager(manager, ['npx outboxkit dev', ...ownFlags.map(shellWord)].join(' '))],
    },
  ]
}

const usual: Readonly<Record<Orm, string>> = {
  prisma: 'new PrismaClient({ adapter })',
  drizzle: 'drizzle(pool)',
  knex: 'knex({ … })',
}

function handleSteps(orm: Orm, choice: Choice, context: StepContext): readonly Step[] {
  const handle = findHandle(context.files, choice.style.folder, orm)
  return [wrapStep(orm, choice, context, handle), emitStep(orm, choice, handle?.name ?? 'db')]
}

function wrapStep(
  orm: Orm,
  { style }: Choice,
  { cwd, table }: StepContext,
  handle: Handle | undefined,
): Step {
  const where =
    handle === undefined ? '' : ` (${relative(cwd, handle.file).split(sep).join('/')}:${handle.line})`
  const module = `@outboxkit/${orm}`
  const values = Object.entries(table).flatMap(([key, value]) =>
    value === undefined ? [] : [`${key}: ${quoted(value)}`],
  )
  const options = values.length === 0 ? '' : `, { table: { ${values.join(', ')} } }`
  return {
    title: `Wrap the handle${where}`,
    lines: [
      style.isModule || style.isTypeScript
        ? `import { withOutbox } from '${module}'`
        : `const { withOutbox } = require('${module}')`,
      `${handle?.declaration ?? 'const db = '}withOutbox(${handle?.expression ?? usual[orm]}${options})`,
    ],
  }
}

const quoted = (text: string): string => `'${JSON.stringify(text).slice(1, -1).replaceAll("'", "\\'")}'`

function emitStep(orm: Orm, { database, style }: Choice, db: string): Step {
  const { begin, handle, write, id } = transactions(orm, database === 'postgres', style.isTypeScript)
  const event = `{ aggregateType: 'order', aggregateId: ${id}, type: 'order.placed', payload: { total: 12 } }`
  return {
    title: 'Emit, in the transaction that writes your rows',
    lines: [
      `await ${db}.${begin}(async (${handle}) => {`,
      `  ${write}`,
      `  await ${handle}.emit(${event})`,
      '})',
    ],
  }
}

/** MySQL does not give back the rows that it has written. */
function transactions(orm: Orm, returning: boolean, isTypeScript: boolean) {
  if (orm === 'prisma')
    return {
      begin: '$transaction',
      handle: 'tx',
      write: 'const order = await tx.order.create({ data })',
      id: 'order.id',
    }
  if (orm === 'drizzle')
    return {
      begin: 'transaction',
      handle: 'tx',
      write: `const [order] = await tx.insert(orders).values(data).${returning ? 'returning()' : '$returningId()'}`,
      // for noUncheckedIndexedAccess
      id: isTypeScript ? 'order!.id' : 'order.id',
    }
  return {
    begin: 'transaction',
    handle: 'trx',
    write: returning
      ? "const [order] = await trx('orders').insert(data).returning('*')"
      : "const [id] = await trx('orders').insert(data)",
    id: returning ? 'order.id' : 'id',
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

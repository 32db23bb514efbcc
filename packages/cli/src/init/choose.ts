import { join, relative } from 'node:path'
import { OutboxError } from '@outboxkit/core'
import type { MigrationTool } from '../config/resolved.js'
import type { Candidate } from '../project/candidate.js'
import { databaseByUrlOrDriver, packageStyle, type PackageStyle, type Project } from '../project/detect.js'
import type { ProjectFiles } from '../project/files.js'
import { databaseTitles, ormTitles, type DatabaseName } from '../project/names.js'
import type { Ask } from './ask.js'

/** What the flags say; paths are absolute. */
export interface InitFlags {
  readonly orm?: MigrationTool | undefined
  readonly database?: DatabaseName | undefined
  readonly schema?: string | undefined
  readonly out?: string | undefined
  /** Where the configuration is written. */
  readonly config?: string | undefined
}

/** Everything that has to be known before a file is planned. */
export interface Choice {
  readonly tool: MigrationTool
  readonly database: DatabaseName
  /** The package that gets the files. */
  readonly style: PackageStyle
  readonly schema: string | undefined
  readonly out: string | undefined
  readonly urlVariable: string
  readonly tableSchema: string | undefined
  readonly candidate: Candidate | undefined
  readonly notes: readonly string[]
}

export interface ChooseContext {
  readonly files: ProjectFiles
  readonly environment: Readonly<Record<string, string | undefined>>
  readonly project: Project
  readonly flags: InitFlags
  /** `undefined`: nobody can be asked. */
  readonly ask: Ask | undefined
}

/**
 * Takes what the flags and the project say, and asks for the rest. Rejects with `OUTBOX_OPTION_INVALID`, naming the flag,
 * when something is missing and nobody can be asked.
 */
export async function choose(context: ChooseContext): Promise<Choice> {
  const { files, project, flags } = context
  const { tool, candidate, notes } = await chooseTool(context)
  const style = packageStyle(files, candidate?.folder ?? project.folder)
  const urlVariable = candidate?.urlVariable ?? 'DATABASE_URL'
  const database = await chooseDatabase(context, candidate, style, urlVariable)
  return {
    tool,
    database,
    style,
    schema: await chooseSchema(context, tool, candidate, style),
    out: flags.out ?? candidate?.out,
    urlVariable,
    tableSchema: candidate?.tableSchema,
    candidate,
    notes: [...notes, ...(candidate?.notes ?? [])],
  }
}

interface ToolChoice {
  readonly tool: MigrationTool
  readonly candidate: Candidate | undefined
  readonly notes: readonly string[]
}

async function chooseTool(context: ChooseContext): Promise<ToolChoice> {
  const { project, flags } = context
  if (flags.orm === 'sql') return { tool: 'sql', candidate: undefined, notes: [] }
  const sure = project.candidates.filter(({ evidence }) => evidence === 'file')
  const candidates = sure.length > 0 ? sure : project.candidates
  const [only] = candidates
  if (only === undefined) return chooseWithoutCandidate(context)
  const chosen = candidates.length === 1 ? only : await chooseCandidate(context, candidates)
  const others = project.candidates.filter(
    ({ orm, folder }) => orm !== chosen.orm && folder === chosen.folder,
  )
  const notes = others.map(
    ({ orm }) => `${ormTitles[orm]} is here as well; --orm ${orm} writes its migration instead.`,
  )
  return {
    tool: chosen.orm,
    candidate: chosen,
    notes: sure.length > 0 && candidates.length === 1 ? notes : [],
  }
}

async function chooseCandidate(
  { project, ask }: ChooseContext,
  candidates: readonly Candidate[],
): Promise<Candidate> {
  const nameOf = ({ orm, folder }: Candidate) => {
    const where = relative(project.folder, folder)
    return where === '' ? ormTitles[orm] : `${ormTitles[orm]} in ${where}`
  }
  if (ask !== undefined)
    return ask.select(
      'Which one writes the migration?',
      candidates.map((candidate) => ({ value: candidate, label: nameOf(candidate) })),
    )
  const orms = new Set(candidates.map(({ orm }) => orm))
  const help =
    orms.size === candidates.length
      ? `Say which one with --orm ${[...orms].join(' or --orm ')}.`
      : 'Run outboxkit init in the folder of the one that emits events.'
  throw invalid(`More than one ORM is here: ${candidates.map(nameOf).join(', ')}. ${help}`)
}

async function chooseWithoutCandidate({
  files,
  environment,
  project,
  flags,
  ask,
}: ChooseContext): Promise<ToolChoice> {
  if (flags.orm !== undefined && flags.orm !== 'sql')
    return { tool: flags.orm, candidate: bareCandidate(flags.orm, project.folder), notes: [] }
  const style = packageStyle(files, project.folder)
  if (databaseByUrlOrDriver({ files, environment }, project, style, 'DATABASE_URL') !== undefined)
    return {
      tool: 'sql',
      candidate: undefined,
      notes: ['No Prisma, Drizzle or Knex is here, so the migration is plain SQL.'],
    }
  if (ask === undefined)
    throw invalid(
      `${project.hasPackageJson ? 'No Prisma, Drizzle or Knex was found' : 'There is no package.json'} in ${project.folder}${project.hasPackageJson ? ' or the packages below it' : ' or above it'}. Run outboxkit init in the package that holds the ORM, or say what to write with --orm prisma|drizzle|knex|sql and --database postgres|mysql|mariadb.`,
    )
  const tool = await ask.select<MigrationTool>('No ORM was found here. What writes your migrations?', [
    { value: 'prisma', label: 'Prisma' },
    { value: 'drizzle', label: 'Drizzle' },
    { value: 'knex', label: 'Knex' },
    { value: 'sql', label: 'Plain SQL, applied by outboxkit migrate' },
  ])
  return { tool, candidate: tool === 'sql' ? undefined : bareCandidate(tool, project.folder), notes: [] }
}

function bareCandidate(orm: Exclude<MigrationTool, 'sql'>, folder: string): Candidate {
  const out = { prisma: undefined, drizzle: join(folder, 'drizzle'), knex: join(folder, 'migrations') }[orm]
  return { orm, folder, evidence: 'dependency', out, notes: [] }
}

async function chooseDatabase(
  { files, environment, project, flags, ask }: ChooseContext,
  candidate: Candidate | undefined,
  style: PackageStyle,
  variable: string,
): Promise<DatabaseName> {
  if (flags.database !== undefined) return flags.database
  if (candidate?.unsupported !== undefined)
    throw invalid(
      `${ormTitles[candidate.orm]} uses ${candidate.unsupported} here. The outbox works on PostgreSQL, MySQL and MariaDB; if the application runs on one of them elsewhere, say so with --database.`,
    )
  const found = databaseByUrlOrDriver({ files, environment }, project, style, variable)
  // Prisma and Drizzle call MariaDB mysql.
  if (candidate?.database === 'mysql' && found === 'mariadb') return 'mariadb'
  if (candidate?.database !== undefined) return candidate.database
  if (found !== undefined) return found
  if (ask === undefined)
    throw invalid(
      `The kind of database cannot be told: no configuration, no ${variable} and no driver says it. Add --database postgres, --database mysql or --database mariadb.`,
    )
  return ask.select<DatabaseName>(
    'Which database?',
    (['postgres', 'mysql', 'mariadb'] as const).map((value) => ({ value, label: databaseTitles[value] })),
  )
}

async function chooseSchema(
  { files, flags, ask }: ChooseContext,
  tool: MigrationTool,
  candidate: Candidate | undefined,
  { folder }: PackageStyle,
): Promise<string | undefined> {
  if (tool === 'knex' || tool === 'sql') {
    if (flags.schema !== undefined) throw invalid(`--schema is for Prisma and Drizzle, not for ${tool}.`)
    return undefined
  }
  const known = flags.schema ?? candidate?.schema
  if (tool === 'prisma') return prismaSchema(files, known, ask, folder)
  if (known !== undefined) return files.kind(known) === 'folder' ? join(known, 'outbox.ts') : known
  const usual = files.kind(join(folder, 'src')) === 'folder' ? 'src/db/outbox.ts' : 'db/outbox.ts'
  if (ask === undefined) return join(folder, usual)
  return join(folder, await ask.text('Which file is to hold the definitions of the tables?', usual))
}

async function prismaSchema(
  files: ProjectFiles,
  known: string | undefined,
  ask: Ask | undefined,
  folder: string,
): Promise<string> {
  const path =
    known ??
    (ask === undefined
      ? undefined
      : join(folder, await ask.text('Where is the Prisma schema?', 'prisma/schema.prisma')))
  if (path === undefined) throw invalid('No Prisma schema was found. Name its file or folder with --schema.')
  if (files.kind(path) === undefined)
    throw invalid(`There is no Prisma schema at ${path}. Name its file or folder with --schema.`)
  return path
}

function invalid(message: string): OutboxError {
  return new OutboxError('OUTBOX_OPTION_INVALID', message)
}

import type { SchemaOptions } from '@outboxkit/core'
import { migrationGenerator } from '../migrations/registry.js'
import { detectProject, packageStyle, type Project } from '../project/detect.js'
import type { Evaluate } from '../project/candidate.js'
import type { ProjectFiles } from '../project/files.js'
import type { Ask } from './ask.js'
import { choose, type Choice, type InitFlags } from './choose.js'
import { existingConfig } from './config-file.js'
import { existingSettings, type ExistingSettings } from './existing.js'
import { planInit, type InitPlan } from './plan.js'
import { nextSteps, type Step } from './steps.js'

export interface InitRequest {
  readonly cwd: string
  readonly environment: Readonly<Record<string, string | undefined>>
  readonly files: ProjectFiles
  readonly flags?: InitFlags | undefined
  /** Executes configuration files whose text does not say enough. */
  readonly evaluate?: Evaluate | undefined
  /** `undefined`: nobody can be asked. */
  readonly ask?: Ask | undefined
  /** For the names of migrations. Default: the clock. */
  readonly now?: Date | undefined
}

export interface PreparedInit extends InitPlan {
  readonly project: Project
  readonly choice: Choice
  readonly steps: readonly Step[]
}

/**
 * Finds out what the project is, asks for what it does not say, and plans the configuration and the first migration.
 * Writes nothing: `applyChanges(prepared.project.root, prepared.changes)` does.
 *
 * Rejects with `OUTBOX_OPTION_INVALID`, naming the flags, when something is missing and nobody can be asked.
 */
export async function prepareInit(request: InitRequest): Promise<PreparedInit> {
  const { cwd, environment, files, evaluate, ask, now = new Date() } = request
  const first = await detectProject({ files, cwd, environment, evaluate, ...detectFlags(request.flags) })
  const existing = await findExisting(request, first)
  const flags = withExisting(request.flags ?? {}, existing?.settings)
  const isSame = flags.orm === request.flags?.orm && flags.schema === request.flags?.schema
  const project = isSame
    ? first
    : await detectProject({ files, cwd, environment, evaluate, ...detectFlags(flags) })
  const choice = await choose({ files, environment, project, flags, ask })
  const options = existing === undefined ? defaultOptions(choice) : existing.settings.options
  const plan = planInit(choice, {
    files,
    root: project.root,
    generator: await migrationGenerator(choice.tool),
    now,
    config: request.flags?.config,
    options,
  })
  const config = request.flags?.config
  const steps = nextSteps(choice, { files, project, cwd, next: plan.next, config, table: tableOf(options) })
  return { ...plan, project, choice, steps }
}

/** What an application has to say to find the same table. */
const tableOf = ({ name, schema }: SchemaOptions = {}) => ({
  name: name === 'outbox' ? undefined : name,
  schema,
})

const detectFlags = (flags: InitFlags | undefined) => ({
  schema: flags?.schema,
  orm: flags?.orm === 'sql' ? undefined : flags?.orm,
})

const defaultOptions = ({ tableSchema }: Choice): SchemaOptions =>
  tableSchema === undefined ? {} : { schema: tableSchema }

interface Existing {
  readonly file: string
  readonly settings: ExistingSettings
}

/** The configuration of a project that has been set up before, which then decides. */
async function findExisting(
  { files, cwd, environment, flags }: InitRequest,
  { folder, root, candidates }: Project,
): Promise<Existing | undefined> {
  const folders = [folder, ...candidates.map((candidate) => packageStyle(files, candidate.folder).folder)]
  const named = flags?.config !== undefined && files.kind(flags.config) === 'file' ? flags.config : undefined
  const file =
    named ?? folders.map((place) => existingConfig(files, place, root)).find((path) => path !== undefined)
  if (file === undefined) return undefined
  return { file, settings: await existingSettings(files, file, { cwd, environment }) }
}

/** What a person says now goes before what the configuration says. */
function withExisting(flags: InitFlags, existing: ExistingSettings | undefined): InitFlags {
  if (existing === undefined) return flags
  const isOther = flags.orm !== undefined && flags.orm !== existing.tool
  return {
    ...flags,
    orm: flags.orm ?? existing.tool,
    schema: flags.schema ?? (isOther ? undefined : existing.schema),
    out: flags.out ?? (isOther ? undefined : existing.out),
  }
}

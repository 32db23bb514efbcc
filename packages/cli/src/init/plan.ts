import { join } from 'node:path'
import { OutboxError, type SchemaOptions } from '@outboxkit/core'
import { generateMigration } from '../migrations/generate.js'
import type { MigrationGenerator, Plan, PlannedFile } from '../migrations/generator.js'
import type { ProjectFiles } from '../project/files.js'
import type { FileChange } from './apply.js'
import type { Choice } from './choose.js'
import { configExtensions, configPath, configText, existingConfig, isConfigName } from './config-file.js'
import { dialectOf, migrationProject } from './migration-project.js'
import { appendedText } from './style.js'

/** Everything that `init` is about to do. No change: nothing to do. */
export interface InitPlan {
  readonly changes: readonly FileChange[]
  /** A configuration that was there before. It is not touched. */
  readonly keptConfig: string | undefined
  /** What the generator leaves to a person. */
  readonly next: readonly string[]
  /** The migrations know the tables already. */
  readonly hasMigration: boolean
}

export interface PlanContext {
  readonly files: ProjectFiles
  /** Nothing outside of it is planned. */
  readonly root: string
  readonly generator: MigrationGenerator
  readonly now: Date
  /** `--config`: where the configuration goes. */
  readonly config?: string | undefined
  /** What the first migration makes; `undefined`: none is to be written. */
  readonly options: SchemaOptions | undefined
}

/** Pure: it reads through `files` and gives the changes. Throws `OUTBOX_OPTION_INVALID` for what cannot be planned. */
export function planInit(choice: Choice, context: PlanContext): InitPlan {
  const { files, root } = context
  const asked = context.config
  const kept =
    asked !== undefined && files.kind(asked) === 'file'
      ? asked
      : existingConfig(files, choice.style.folder, root)
  if (asked !== undefined && !isConfigName(asked))
    throw new OutboxError(
      'OUTBOX_OPTION_INVALID',
      `--config ${asked} must end in ${configExtensions.map((extension) => `.${extension}`).join(', ')}.`,
    )
  const plan = planMigration(choice, context)
  const changes =
    plan === undefined ? [] : plan.files.map((file) => toChange(files, choice.style.folder, file))
  if (kept === undefined || (asked !== undefined && kept !== asked)) {
    const path = asked ?? configPath(files, choice.style)
    changes.unshift({
      path,
      mode: 'create',
      content: configText({ files, root }, path, choice),
      before: undefined,
    })
  }
  return {
    changes,
    keptConfig: kept,
    next: plan?.next ?? [],
    hasMigration: plan === undefined && context.options !== undefined,
  }
}

/** `undefined` when the migrations have the tables: every further step is that of `outboxkit generate`. */
function planMigration(choice: Choice, { files, generator, now, options }: PlanContext): Plan | undefined {
  if (options === undefined) return undefined
  const { style, schema, out, candidate } = choice
  const project = migrationProject(files, {
    root: style.folder,
    dialect: dialectOf(choice.database),
    schema,
    out,
    extension: candidate?.extension ?? (style.isTypeScript ? 'ts' : undefined),
    now,
  })
  for (const path of [project.schema, project.out])
    if (path !== undefined && /^(\.\.(\/|$)|\/|[A-Za-z]:)/.test(path))
      throw new OutboxError(
        'OUTBOX_OPTION_INVALID',
        `${path} is outside of ${style.folder}. Run outboxkit init in the package that holds it, or name one within by --schema or --out.`,
      )
  const { step, ...plan } = generateMigration({ project, generator, options })
  return step === undefined || step.from !== undefined ? undefined : plan
}

function toChange(files: ProjectFiles, folder: string, { path, content, mode }: PlannedFile): FileChange {
  const full = join(folder, path)
  if (mode === 'create') return { path: full, mode, content, before: undefined }
  const before = files.read(full)
  if (before === undefined)
    throw new OutboxError('OUTBOX_MIGRATION_FAILED', `${full} cannot be read. Nothing was changed.`)
  return { path: full, mode, content: mode === 'append' ? appendedText(before, content) : content, before }
}

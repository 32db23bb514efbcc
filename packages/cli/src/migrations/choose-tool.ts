import { relative, resolve, sep } from 'node:path'
import { OutboxError } from '@outboxkit/core'
import type { MigrationTool, ResolvedConfig } from '../config/resolved.js'
import { detectProject } from '../project/detect.js'
import { diskFiles } from '../project/files.js'

export interface ToolQuestion {
  readonly cwd: string
  readonly environment: Readonly<Record<string, string | undefined>>
  readonly config: Pick<ResolvedConfig, 'folder' | 'migrations'> | undefined
  /** `--tool` */
  readonly tool: MigrationTool | undefined
  /** `--out`, from `cwd` on. */
  readonly out: string | undefined
}

/** Whose migrations are written, and where. Paths are relative to `root`. */
export interface ChosenTool {
  readonly tool: MigrationTool
  readonly root: string
  readonly out: string | undefined
  readonly schema: string | undefined
  readonly extension: string | undefined
  readonly commandFlags: readonly string[] | undefined
}

/**
 * The flag, else the configuration, else the only ORM that the project has. Rejects with `OUTBOX_CONFIG_INVALID` when there is
 * none, or more than one.
 */
export async function chooseTool(question: ToolQuestion): Promise<ChosenTool> {
  const { cwd, environment, config } = question
  const given = question.tool ?? config?.migrations.tool
  const folder = config?.folder ?? cwd
  if (given === 'sql') return chosen(question, 'sql', folder, {})
  const { candidates } = await detectProject({ files: diskFiles, cwd: folder, environment, orm: given })
  const [candidate, ...others] = candidates
  if (candidate === undefined) {
    if (given !== undefined) return chosen(question, given, folder, {})
    throw new OutboxError(
      'OUTBOX_CONFIG_INVALID',
      `Neither Prisma nor Drizzle nor Knex was found in ${folder}. Say whose migrations are wanted: --tool prisma, drizzle, knex or sql (plain files, applied by outboxkit migrate).`,
    )
  }
  if (others.length > 0 && new Set(candidates.map(({ orm }) => orm)).size > 1)
    throw new OutboxError(
      'OUTBOX_CONFIG_INVALID',
      `This project has ${candidates.map(({ orm }) => orm).join(' and ')}. Say whose migrations are wanted: --tool ${candidate.orm}, or migrations.tool in the configuration.`,
    )
  return chosen(question, candidate.orm, candidate.folder, candidate)
}

function chosen(
  { cwd, config, out }: ToolQuestion,
  tool: MigrationTool,
  root: string,
  found: {
    readonly out?: string | undefined
    readonly schema?: string | undefined
    readonly extension?: string | undefined
    readonly commandFlags?: readonly string[] | undefined
  },
): ChosenTool {
  const inConfig = (path: string | undefined): string | undefined =>
    path === undefined || config === undefined ? undefined : resolve(config.folder, path)
  const below = (path: string | undefined): string | undefined =>
    path === undefined ? undefined : relative(root, path).split(sep).join('/') || '.'
  return {
    tool,
    root,
    out: below(out === undefined ? (inConfig(config?.migrations.out) ?? found.out) : resolve(cwd, out)),
    schema: below(inConfig(config?.migrations.schema) ?? found.schema),
    extension: found.extension,
    commandFlags: found.commandFlags,
  }
}

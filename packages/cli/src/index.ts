export type { Database, Query, Row } from './database/database.js'
export { openDatabase } from './database/open.js'
export { defineConfig } from './config/define.js'
export { loadConfig, type LoadOptions } from './config/load.js'
export type { Config } from './config/schema.js'
export type {
  DatabaseSettings,
  EffectiveValue,
  KafkaSettings,
  MigrationTool,
  ResolvedConfig,
  ResolvedOutbox,
  ValueOrigin,
} from './config/resolved.js'
export type { FoundColumn, FoundIndex, FoundTable, FoundTables } from './migrations/found-tables.js'
export { schemaOf } from './migrations/found-tables.js'
export { readSchema } from './migrations/read-schema.js'
export { compareSchema, type Drift } from './migrations/compare-schema.js'

export { diagnose, type DoctorOptions } from './doctor/doctor.js'
export { checks, type CheckId } from './doctor/checks.js'
export type { Finding, Severity } from './doctor/finding.js'
export type { DoctorLimits } from './doctor/limits.js'
export { folderProject, type FolderProjectOptions } from './migrations/folder-project.js'
export { generateMigration, type Generated, type GenerateRequest } from './migrations/generate.js'
export type {
  MigrationGenerator,
  MigrationProject,
  MigrationStep,
  Plan,
  PlannedFile,
} from './migrations/generator.js'
export { knexGenerator } from './migrations/knex/generator.js'
export { prismaGenerator } from './migrations/prisma/generator.js'
export { drizzleGenerator } from './migrations/drizzle/generator.js'
export { sqlGenerator } from './migrations/sql/generator.js'
export { readSqlMigrations, type SqlMigration } from './migrations/sql/files.js'
export {
  baseline,
  migrate,
  pendingMigrations,
  revert,
  type MigratedFile,
  type MigrateRequest,
} from './migrations/sql/migrate.js'
export { writePlan } from './migrations/write-plan.js'
export { roleGrants, type RoleGrants, type RoleNames } from './migrations/roles.js'

export {
  countUpTo as countDead,
  findDead,
  listDeadEvents,
  listDeadScopes,
  type DeadEventInFull,
  type DeadScope,
  type Page,
} from './operations/dead.js'
export type { DeadEvent, DeadFilter, DeadKind, DeadRequest } from './operations/dead-row.js'
export {
  awaitRequests,
  requestByFilter,
  requestByIds,
  type Asked,
  type AskedByIds,
  type DeadEnd,
} from './operations/requests.js'
export { isOlderThan, readStatus, type OutboxStatus } from './operations/status.js'
export type { ArchiveCursor, ArchiveSelection } from './operations/archive.js'
export {
  planReplay,
  replay,
  replayHeader,
  type ReplayOptions,
  type ReplayPlan,
  type ReplayProgress,
  type ReplayResult,
  type ReplaySelection,
} from './operations/replay.js'
export { runWorker, type WorkerOptions } from './worker/worker.js'
export { runOnce, type OnceOptions, type OnceResult } from './worker/once.js'
export type { WorkerLog } from './worker/log.js'

export { applyChanges, type FileChange } from './init/apply.js'
export type { Ask, AskOption } from './init/ask.js'
export type { Choice, InitFlags } from './init/choose.js'
export { unifiedDiff } from './init/diff.js'
export { prepareInit, type InitRequest, type PreparedInit } from './init/init.js'
export type { Step } from './init/steps.js'
export type { Candidate, Evaluate } from './project/candidate.js'
export { detectProject, type DetectOptions, type PackageStyle, type Project } from './project/detect.js'
export { diskFiles, type ProjectFiles } from './project/files.js'

import type { Dialect, OutboxSchema, SchemaChange } from '@outboxkit/core'
import type { MigrationTool } from '../config/resolved.js'

/** What a generator may look at: the folder as it is now. It writes nothing; {@link Plan} says what is to be written. */
export interface MigrationProject {
  /** Absolute. Every path of a plan is below it. */
  readonly root: string
  readonly dialect: Dialect
  /** Which of the user's own files belong to the tool: as asked for, or the tool's usual place. Relative to `root`. */
  readonly out: string | undefined
  /** Prisma's schema file or folder; Drizzle's file of tables. Relative to `root`. */
  readonly schema: string | undefined
  /** Of the tool's own configuration or migrations, e.g. `ts`: Knex writes new migrations with it. */
  readonly extension?: string | undefined
  /** What the tool's own command needs to find its configuration, e.g. `--knexfile`, `db/knexfile.js`. */
  readonly commandFlags?: readonly string[] | undefined
  /** `undefined`: no such file. */
  read(path: string): string | undefined
  /** Names within a folder, sorted; empty where there is none. A folder ends with `/`. */
  list(path: string): readonly string[]
  /** For names of migrations. */
  readonly now: Date
}

/** What is there, as far as the migrations (and a database, if one was looked at) say. `undefined`: nothing. */
export type FoundSchema = OutboxSchema | undefined

/** One step, from what is there to what is wanted. */
export interface MigrationStep {
  readonly from: FoundSchema
  readonly to: OutboxSchema
  /** Statements on plain SQL, for tools that cannot say everything in a language of their own. */
  readonly change: SchemaChange
}

export interface PlannedFile {
  /** Relative to the project's root, with `/`. */
  readonly path: string
  /** All of a file, or with `append` what is added to one that is there. */
  readonly content: string
  /**
   * `edit`: `content` replaces a file that is there. Only for lines that a generator has written itself (a model of ours in
   * a Prisma schema that gets one more column), and for a tool's own list of migrations.
   */
  readonly mode: 'create' | 'append' | 'edit'
}

/** What is to be done: files first, then what a person does, as commands and sentences. No file: nothing to do. */
export interface Plan {
  readonly files: readonly PlannedFile[]
  readonly next: readonly string[]
}

/**
 * One migration tool. Pure: it reads through the project and returns a plan. It never asks for what a user has written to be
 * changed: `create` is for a path that is not there, `append` and `edit` for a file that is.
 */
export interface MigrationGenerator {
  readonly tool: MigrationTool
  /**
   * What the migrations of the project make of this outbox (same name and schema); `undefined`: they do not know it.
   * Read from the marks that {@link markOf} puts into every migration, with `foundInTexts`.
   */
  found(project: MigrationProject, wanted: OutboxSchema): FoundSchema
  /** Called only when there is a step. */
  plan(project: MigrationProject, step: MigrationStep): Plan
  /**
   * Called when there is no step: what is still to be written after the tool itself has run. Drizzle: drizzle-kit writes the
   * migration of the tables, and only then can the SQL that it cannot say follow.
   */
  remaining?(project: MigrationProject, wanted: OutboxSchema): Plan
}

import {
  latestSchemaVersion,
  OutboxError,
  resolveSchema,
  upgradeSql,
  type Dialect,
  type OptionalPart,
  type OutboxSchema,
  type SchemaOptions,
} from '@outboxkit/core'
import { compareSchema, type Drift } from './compare-schema.js'
import { newerVersion, schemaOf, type FoundTables } from './found-tables.js'
import type { FoundSchema, MigrationGenerator, MigrationProject, MigrationStep, Plan } from './generator.js'
import { optionsOf } from './mark.js'

export interface GenerateRequest {
  readonly project: MigrationProject
  readonly generator: MigrationGenerator
  /** What is wanted; what is left out stays as it is. */
  readonly options: SchemaOptions
  /** As `readSchema` gives it, when a database was looked at. */
  readonly database?: FoundTables | undefined
}

export interface Generated extends Plan {
  /** What stands after the migrations that are there and those of the plan. */
  readonly wanted: OutboxSchema
  readonly step: MigrationStep | undefined
  /** What the database has, or lacks, that the migrations do not tell; sentences for people. */
  readonly notes: readonly string[]
}

/**
 * Compares what the migrations (and the database) have with what is wanted, and plans the missing step. Writes nothing.
 * Throws `OUTBOX_SCHEMA_VERSION` for a database that is newer than this program, `OUTBOX_OPTION_INVALID` for what cannot be
 * changed, `OUTBOX_MIGRATION_FAILED` for tables that no migration of ours makes whole.
 */
export function generateMigration({ project, generator, options, database }: GenerateRequest): Generated {
  const { dialect } = project
  const inFiles = generator.found(project, resolveSchema(dialect, options))
  if (database !== undefined) refuseNewer(database)
  const inDatabase = database === undefined ? undefined : schemaOf(database)
  const from = union(project, inFiles, inDatabase)
  const wanted = resolveSchema(dialect, withFound(dialect, options, from))
  const change = upgradeSql(dialect, from, wanted)
  const notes = database === undefined ? [] : notesOf(project, { database, inFiles, inDatabase, wanted })
  if (change.up.length === 0) {
    const plan = generator.remaining?.(project, wanted) ?? { files: [], next: [] }
    return { ...plan, wanted, step: undefined, notes }
  }
  const step: MigrationStep = { from, to: wanted, change }
  return { ...generator.plan(project, step), wanted, step, notes }
}

/** Options that were not given do not take away what is there. */
export function withFound(dialect: Dialect, options: SchemaOptions, from: FoundSchema): SchemaOptions {
  if (from === undefined) return options
  const found = optionsOf(from)
  const parts = new Set<OptionalPart>([...(found.with ?? []), ...(options.with ?? [])])
  if (found.only !== undefined || options.only !== undefined) parts.add('inbox')
  const isInboxOnly = !from.parts.includes('base') && options.only === 'inbox'
  const { with: _with, only: _only, partitioned, ...others } = options
  return {
    ...others,
    uniqueId: options.uniqueId === true || found.uniqueId === true,
    idType: options.idType ?? from.idType,
    ...(isInboxOnly ? { only: 'inbox' } : { with: [...parts] }),
    ...(partitioned === undefined ? keptPartitions(dialect, from) : { partitioned }),
  }
}

/** A table that is there stays as it is; one that is new follows the default. */
function keptPartitions(dialect: Dialect, from: OutboxSchema): Pick<SchemaOptions, 'partitioned'> {
  if (dialect === 'mysql') return {}
  const isArchivePartitioned = !from.parts.includes('archive') || from.partitioned.includes('archive')
  return {
    partitioned: [
      ...from.partitioned.filter((name) => name === 'outbox'),
      ...(isArchivePartitioned ? (['archive'] as const) : []),
    ],
  }
}

/** What either knows: a step that one of the two has already is not written again. */
function union(project: MigrationProject, inFiles: FoundSchema, inDatabase: FoundSchema): FoundSchema {
  if (inFiles === undefined || inDatabase === undefined) return inFiles ?? inDatabase
  for (const [what, file, database] of [
    ['payload', inFiles.table.payload, inDatabase.table.payload],
    ['id type', inFiles.idType, inDatabase.idType],
  ] as const)
    if (file !== database)
      throw new OutboxError(
        'OUTBOX_MIGRATION_FAILED',
        `The migrations make tables with the ${what} ${file}, those in the database have ${database}. Is this the database of these migrations?`,
      )
  return resolveSchema(project.dialect, withFound(project.dialect, optionsOf(inDatabase), inFiles))
}

function refuseNewer(database: FoundTables): void {
  const newer = newerVersion(database, latestSchemaVersion)
  if (newer === undefined) return
  throw newerSchema(newer)
}

/** The error of a program that is too old for a database. */
export function newerSchema(version: number): OutboxError {
  return new OutboxError(
    'OUTBOX_SCHEMA_VERSION',
    `The tables have schema version ${version}; this program knows version ${latestSchemaVersion} and those before. Run: npm install outboxkit@latest`,
    { details: { found: version, known: latestSchemaVersion } },
  )
}

interface Situation {
  readonly database: FoundTables
  readonly inFiles: FoundSchema
  readonly inDatabase: FoundSchema
  readonly wanted: OutboxSchema
}

function notesOf(
  { dialect }: MigrationProject,
  { database, inFiles, inDatabase, wanted }: Situation,
): string[] {
  const present = Object.keys(database.tables)
  if (inDatabase === undefined && present.length === 0)
    return inFiles === undefined ? [] : ['The migrations have not been applied to this database yet.']
  const drift = inDatabase === undefined ? [] : compareSchema(dialect, database, inDatabase).map(sentence)
  const parts = inDatabase?.parts ?? []
  const unapplied = (inFiles?.parts ?? []).filter((part) => !parts.includes(part))
  const unknown = parts.filter((part) => !(inFiles?.parts.includes(part) ?? false))
  const incomplete = wanted.parts.includes('base') && !parts.includes('base') && present.some(isBaseTable)
  return [
    ...(incomplete
      ? [
          `Of the base tables only ${present.filter(isBaseTable).join(', ')} is in the database: a migration has been interrupted.`,
        ]
      : unapplied.length > 0
        ? [`Not applied to this database yet: ${unapplied.join(', ')}.`]
        : []),
    ...(unknown.length > 0
      ? [`In the database, but in no migration: ${unknown.join(', ')}. A new database would lack it.`]
      : []),
    ...drift,
  ]
}

const isBaseTable = (kind: string): boolean => ['outbox', 'lease', 'held'].includes(kind)
const sentence = ({ level, message }: Drift): string => `${level}: ${message}.`

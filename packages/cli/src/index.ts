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

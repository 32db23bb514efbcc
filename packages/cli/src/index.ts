export type { Database, Query, Row } from './database/database.js'
export { openDatabase } from './database/open.js'
export type {
  DatabaseSettings,
  EffectiveValue,
  KafkaSettings,
  MigrationTool,
  ResolvedConfig,
  ResolvedOutbox,
  ValueOrigin,
} from './config/resolved.js'

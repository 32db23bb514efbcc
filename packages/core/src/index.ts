export {
  errorCodes,
  isOutboxError,
  OutboxError,
  type OutboxErrorCode,
  type OutboxErrorOptions,
} from './errors.js'
export {
  dollarPlaceholder,
  inlineStatement,
  questionPlaceholder,
  quoteIdentifier,
  renderStatement,
  type Dialect,
  type Placeholder,
  type SqlStatement,
  type SqlValue,
} from './statement.js'
export type { SqlExecutor } from './executor.js'
export { ConnectionWatch } from './mysql2-watch.js'
export { mysql2Members, type WatchedTransaction } from './mysql2-executor.js'
export {
  columnLimits,
  qualifiedName,
  resolveTable,
  tableKinds,
  tableName,
  type BaseTableKind,
  type Column,
  type Index,
  type OutboxTable,
  type PayloadType,
  type TableDefinition,
  type TableKind,
  type TableOptions,
} from './table.js'
export { schemaTable, schemaTables, tableDefinition } from './definitions.js'
export {
  defaultPartition,
  latestSchemaVersion,
  resolveSchema,
  schemaParts,
  schemaVersionOf,
  type OptionalPart,
  type OutboxSchema,
  type PartitionedTable,
  type SchemaOptions,
  type SchemaPart,
} from './schema.js'
export { createTablesSql, dropTablesSql, schemaSql } from './ddl.js'
export { schemaConflicts, upgradeSql, type SchemaChange } from './upgrade.js'
export { scopeOf, sizeOf, type AggregateId, type OutboxEvent, type StoredEvent } from './event.js'
export {
  defineEvents,
  typed,
  type Catalogue,
  type CatalogueEvent,
  type EventDefinition,
  type EventDefinitions,
  type EventOf,
  type JsonCompatible,
  type PayloadDefinition,
  type PayloadInput,
  type PayloadOutput,
  type TypedPayload,
} from './catalogue.js'
export type { StandardIssue, StandardResult, StandardSchema } from './standard-schema.js'
export { uuidv7 } from './uuid.js'
export { emitterOf, withEventContext } from './event-context.js'
export {
  detached,
  openTelemetry,
  runInContext,
  untraced,
  warnOfTracing,
  withSpan,
  type OpenTelemetry,
  type SpanContext,
  type TraceContext,
} from './open-telemetry.js'
export { nearestName, rejectUnknownKeys } from './known-keys.js'
export { processWarning, warningCodes, type OutboxWarningCode } from './warning.js'
export type { BigIntPolicy } from './json.js'
export type { PreparedEvent } from './prepare.js'
export { insertEvents, type DuplicatePolicy } from './insert.js'
export {
  emitAmbient,
  Outbox,
  rejectMore,
  type Emit,
  type EventsOf,
  type ExactOptions,
  type OutboxOptions,
} from './outbox.js'
export { emitFunction } from './emit-function.js'
export { runInScope, TransactionScope } from './transaction.js'
export { markHandle, scopeOfHandle } from './transaction-handle.js'
export { cloudEvents, type CloudEventsOptions } from './envelope/cloudevents.js'
export { debezium, type DebeziumColumn, type DebeziumOptions } from './envelope/debezium.js'
export {
  customEnvelope,
  type Envelope,
  type EnvelopeFunction,
  type OutboxMessage,
} from './envelope/envelope.js'
export {
  parseMessage,
  type EventParser,
  type ParsedEvent,
  type ParsedEventOf,
  type ParseOptions,
  type ReceivedMessage,
} from './envelope/parse.js'

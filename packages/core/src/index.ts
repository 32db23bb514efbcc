export {
  errorCodes,
  isOutboxError,
  OutboxError,
  type OutboxErrorCode,
  type OutboxErrorOptions,
} from './errors.js'
export {
  dollarPlaceholder,
  questionPlaceholder,
  quoteIdentifier,
  renderStatement,
  type Dialect,
  type Placeholder,
  type SqlStatement,
  type SqlValue,
} from './statement.js'
export type { SqlExecutor } from './executor.js'
export {
  columnLimits,
  qualifiedName,
  resolveTable,
  tableDefinition,
  tableKinds,
  tableName,
  type Column,
  type Index,
  type OutboxTable,
  type PayloadType,
  type TableDefinition,
  type TableKind,
  type TableOptions,
} from './table.js'
export { createTablesSql, dropTablesSql } from './ddl.js'
export { scopeOf, sizeOf, type AggregateId, type OutboxEvent, type StoredEvent } from './event.js'

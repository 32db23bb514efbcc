export { createEmit } from './create-emit.js'
export {
  mysqlOutboxTable,
  mysqlOutboxTables,
  type MySqlHeldColumns,
  type MySqlHeldTable,
  type MySqlLeaseColumns,
  type MySqlLeaseTable,
  type MySqlOutboxColumns,
  type MySqlOutboxTable,
  type MySqlOutboxTables,
} from './mysql-tables.js'
export type {
  PgHeldBytesTable,
  PgHeldTable,
  PgLeaseTable,
  PgOutboxBytesTable,
  PgOutboxBytesTables,
  PgOutboxTable,
  PgOutboxTables,
} from './pg-table-types.js'
export { outboxTable, outboxTables } from './pg-tables.js'
export type {
  AmbientOutbox,
  DrizzleLike,
  DrizzleTxLike,
  EmitFunction,
  EmittingTx,
  OutboxMethods,
  OutboxTx,
  WithOutbox,
} from './types.js'
export { withOutbox } from './with-outbox.js'
export {
  createTablesSql,
  defineEvents,
  dropTablesSql,
  errorCodes,
  isOutboxError,
  OutboxError,
  parseMessage,
  typed,
  uuidv7,
  type AggregateId,
  type Catalogue,
  type Emit,
  type EventOf,
  type EventsOf,
  type OutboxErrorCode,
  type OutboxEvent,
  type OutboxOptions,
  type ParsedEvent,
  type ReceivedMessage,
  type TableOptions,
} from '@outboxkit/core'

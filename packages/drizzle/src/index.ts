export { createEmit } from './create-emit.js'
export type {
  MySqlHeldColumns,
  MySqlHeldTable,
  MySqlInboxColumns,
  MySqlInboxTable,
  MySqlLeaseColumns,
  MySqlLeaseTable,
  MySqlOutboxColumns,
  MySqlOutboxTable,
  MySqlOutboxTables,
} from './mysql-table-types.js'
export { mysqlInboxTable, mysqlOutboxTable, mysqlOutboxTables } from './mysql-tables.js'
export type {
  PgHeldBytesTable,
  PgHeldTable,
  PgInboxTable,
  PgLeaseTable,
  PgOutboxBytesTable,
  PgOutboxBytesTables,
  PgOutboxTable,
  PgOutboxTables,
} from './pg-table-types.js'
export { inboxTable, outboxTable, outboxTables } from './pg-tables.js'
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
  withEventContext,
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
  type SchemaOptions,
  type TableOptions,
} from '@outboxkit/core'

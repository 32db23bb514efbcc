export { createEmit } from './create-emit.js'
export {
  mysqlOutboxTable,
  mysqlOutboxTables,
  type MySqlHeldTable,
  type MySqlLeaseTable,
  type MySqlOutboxTable,
  type MySqlOutboxTables,
} from './mysql-tables.js'
export {
  outboxTable,
  outboxTables,
  type PgHeldBytesTable,
  type PgHeldTable,
  type PgLeaseTable,
  type PgOutboxBytesTable,
  type PgOutboxBytesTables,
  type PgOutboxTable,
  type PgOutboxTables,
} from './pg-tables.js'
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

export { createEmit, withOutbox } from './with-outbox.js'
export type {
  EmitFunction,
  OutboxTransaction,
  OutboxTransactionMethods,
  OutboxTx,
  TransactionFunction,
  WithOutbox,
} from './types.js'
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
  type OutboxErrorCode,
  type OutboxEvent,
  type OutboxOptions,
  type TableOptions,
} from '@outboxkit/core'

export { createEmit } from './create-emit.js'
export { emitOperation } from './emit-operation.js'
export type {
  AmbientOutbox,
  EmitFunction,
  EmitOperation,
  EmittingTx,
  HasEvents,
  ExactPrismaOptions,
  OutboxMethods,
  OutboxTx,
  PrismaLike,
  PrismaOutboxOptions,
  PrismaTxLike,
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

export {
  memoryPublisher,
  type MemoryFailure,
  type MemoryMessage,
  type MemoryPublisher,
  type MemoryPublisherOptions,
} from './memory-publisher.js'
export {
  MemoryOutbox,
  memorySource,
  type MemoryOperation,
  type MemoryOutboxOptions,
  type MemorySourceOptions,
} from './memory-source.js'
export {
  emittedEvents,
  type EmittedEvent,
  type EmittedEventsOptions,
  type RunQuery,
} from './emitted-events.js'

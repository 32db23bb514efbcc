export { createRelay, type DrainBounds, type DrainResult, type Relay, type RelayState } from './relay.js'
export type { FaultPoint, PoisonPolicy, RelayInternals, RelayOptions } from './options.js'
export type { FaultPhase, RelayEventName, RelayEvents, RelayListener } from './events.js'
export type { RelayCounters, RelayGauges, RelayMetrics } from './metrics.js'
export { heldBehind } from './decide.js'
export type {
  Batch,
  HeldEvent,
  HeldKind,
  HeldRow,
  HeldScope,
  Lease,
  LeaseState,
  LeaseStore,
  Settlement,
  Source,
} from './source.js'
export type { Outcome, Publisher } from './publisher.js'

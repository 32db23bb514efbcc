export { createRelay, type DrainBounds, type DrainResult, type Relay, type RelayState } from './relay.js'
export type { FaultPoint, PoisonPolicy, RelayInternals, RelayOptions } from './options.js'
export type { FaultPhase, RelayEventName, RelayEvents, RelayListener } from './events.js'
export type { RelayCounters, RelayGauges, RelayHistograms, RelayMetrics } from './metrics.js'
export type { HistogramSnapshot } from './histogram.js'
export { heldBehind } from './decide.js'
export type { ArchiveOutcome, Cleanup } from './archive.js'
export type {
  Batch,
  HeldEvent,
  HeldKind,
  HeldRow,
  HeldScope,
  HeldSettlement,
  Lease,
  LeaseState,
  LeaseStore,
  OwnerError,
  ParkedEvent,
  Settlement,
  Source,
} from './source.js'
export { sourceOrigin, type SourceOrigin } from './origin.js'
export type { Outcome, Publisher } from './publisher.js'
export type { SourceProblem } from './problem.js'
export {
  outboxMetrics,
  type HeldError,
  type RelayError,
  type LeaseSummary,
  type OutboxState,
  type OutboxStateOptions,
  type RowCount,
} from './observe/state.js'
export type { QueryTarget, RunStatement } from './observe/query.js'
export { prometheusText, tableGauges, type GaugeSample, type TableGauge } from './observe/gauges.js'

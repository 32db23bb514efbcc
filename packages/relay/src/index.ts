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

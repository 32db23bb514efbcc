export { checkHistory, type CheckOptions } from './check.js'
export { checkRun, collectHistory, type RunToCheck } from './collect.js'
export { dumpTopics, type Dump } from './consume.js'
export { expectedMessage, javaPartition, type WireConfig } from './expected.js'
export type { Attempt, AttemptOutcome, FaultRecord, History, LedgerRow, LeftRow, Message } from './history.js'
export { ledgerOn, type LedgerDatabase, type SqlConnection } from './databases/index.js'
export type { LedgerPlace } from './ledger.js'
export { readLedger, readLeft, waitUntilDrained } from './read-ledger.js'
export { Records } from './records.js'
export {
  formatReport,
  problemKinds,
  type Counts,
  type Problem,
  type ProblemKind,
  type Report,
} from './report.js'

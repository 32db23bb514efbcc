export { adapterSuite } from './adapter.js'
export {
  adapterCapabilities,
  type AdapterCapabilities,
  type AdapterHarness,
  type AdapterUnderTest,
  type BatchStep,
  type Capability,
  type EmitInput,
  type EmitResult,
  type PlainTransactionUnderTest,
  type TransactionUnderTest,
} from './adapter-harness.js'
export { mysqlAdapterSuite, type MysqlAdapterHarness } from './adapter-mysql.js'
export { leaseSuite, type LeaseHarness, type LeaseUnderTest } from './lease.js'
export { sourceSuite } from './source.js'
export type {
  HeldRecord,
  OutboxWriter,
  RowInput,
  SourceHarness,
  SourceTuning,
  SourceUnderTest,
} from './source-harness.js'
export { driverSuite } from './driver.js'
export type {
  BatchUnderTest,
  ClusterUnderTest,
  DriverHarness,
  DriverUnderTest,
  FaultUnderTest,
  LookupUnderTest,
  NetworkUnderTest,
  OutcomeUnderTest,
  ReadRecord,
  RecordUnderTest,
  TopicSettings,
} from './driver-harness.js'
export { publisherSuite } from './publisher.js'
export type { PublishedMessage, PublisherHarness, PublisherStage } from './publisher-harness.js'

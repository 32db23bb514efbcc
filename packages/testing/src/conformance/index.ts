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

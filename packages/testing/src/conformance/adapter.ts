/* oxlint-disable vitest/valid-title -- the titles are parameters */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { afterCommitTests, afterCommitFailureTests } from './adapter-after-commit.js'
import { adapterCapabilities, type AdapterHarness, type Capability } from './adapter-harness.js'
import { badInputTests, handleTests } from './adapter-bad-input.js'
import { bytesTests, contentTests, volumeTests } from './adapter-content.js'
import { duplicateTests } from './adapter-duplicates.js'
import { ambientTests, batchTests, functionFormTests } from './adapter-forms.js'
import { nestedTests } from './adapter-nested.js'
import { makePlace, type Place, type PlaceSetup } from './adapter-place.js'
import type { SuiteContext } from './adapter-suite-context.js'
import { concurrencyTests, transactionTests } from './adapter-transaction.js'

/**
 * What every ORM adapter has to do, against a real database. Call it at the top level of a test file:
 *
 *     adapterSuite({ name: 'knex', dialect: 'postgres', capabilities, query, open })
 */
export function adapterSuite(harness: AdapterHarness): void {
  describe(`${harness.name} on ${harness.dialect}`, () => {
    capabilityTests(harness)
    inPlace(
      harness,
      'the table in the schema of the connection',
      { table: {}, ownSchema: false },
      (suite) => {
        badInputTests(suite)
        contentTests(suite)
        everyTransactionTest(suite)
        afterCommitFailureTests(suite)
        volumeTests(suite)
        ambientTests(suite)
      },
    )
    inPlace(
      harness,
      'a table with quotes in its name, in another schema',
      { table: { name: 'out"box`?' }, ownSchema: true },
      everyTransactionTest,
    )
    inPlace(
      harness,
      'a table of bytes',
      { table: { name: 'outbox_bytes', payload: 'bytes' }, ownSchema: false },
      bytesTests,
    )
    inPlace(
      harness,
      'a table with a unique id',
      { table: { name: 'outbox_unique', uniqueId: true }, ownSchema: false },
      duplicateTests,
    )
  })
}

function everyTransactionTest(suite: SuiteContext): void {
  handleTests(suite)
  transactionTests(suite)
  concurrencyTests(suite)
  nestedTests(suite)
  afterCommitTests(suite)
  functionFormTests(suite)
  batchTests(suite)
}

function inPlace(
  harness: AdapterHarness,
  title: string,
  setup: PlaceSetup,
  tests: (suite: SuiteContext) => void,
): void {
  describe(title, () => {
    let place: Place | undefined
    const current = (): Place => {
      if (place === undefined) throw new Error('The tables are made before the first test.')
      return place
    }
    beforeAll(async () => {
      place = await makePlace(harness, setup)
    })
    beforeEach(() => place?.clear())
    afterAll(() => place?.drop())
    tests({ harness, place: current })
  })
}

function capabilityTests(harness: AdapterHarness): void {
  describe('capabilities', () => {
    for (const name of adapterCapabilities)
      test(`${name} is there, or has a reason why not`, () => {
        const answer: Capability | undefined = harness.capabilities[name]
        expect(answer === true ? 'there' : answer?.missing).toMatch(/\w/)
      })
    test('none that the suite does not know', () => {
      expect(adapterCapabilities).toEqual(expect.arrayContaining(Object.keys(harness.capabilities)))
    })
  })
}

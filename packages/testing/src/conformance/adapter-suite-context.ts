/* oxlint-disable vitest/expect-expect, vitest/valid-title, vitest/no-conditional-tests, vitest/no-disabled-tests -- this makes tests, and a missing capability is to be seen as a skipped one */
import type { OutboxErrorCode, OutboxEvent } from '@outboxkit/core'
import { isOutboxError } from '@outboxkit/core'
import { expect, test } from 'vitest'
import type { adapterCapabilities, AdapterHarness } from './adapter-harness.js'
import type { Place } from './adapter-place.js'

/** What the parts of the suite work with. `place` is there when a test runs, not before. */
export interface SuiteContext {
  readonly harness: AdapterHarness
  readonly place: () => Place
}

/** A test that needs a capability; without it a skipped test that names the reason. */
export function testWith(
  { harness }: SuiteContext,
  capability: (typeof adapterCapabilities)[number],
  title: string,
  body: () => Promise<void>,
): void {
  const answer = harness.capabilities[capability]
  if (answer === true) test(title, body)
  else test.skip(`${title} (${capability}: ${answer.missing})`, body)
}

/** A good event. */
export function event(type: string, rest: Partial<OutboxEvent> = {}): OutboxEvent {
  return { aggregateType: 'order', aggregateId: '1', type, payload: { of: type }, ...rest }
}

/** The types of the stored events, in the order of their positions. */
export async function storedTypes(place: Place): Promise<string[]> {
  return (await place.events()).map(({ type }) => type)
}

/** Nothing of a transaction is left: neither events nor business rows. */
export async function expectNothing(place: Place): Promise<void> {
  expect({ events: await storedTypes(place), business: await place.business() }).toEqual({
    events: [],
    business: [],
  })
}

/** The error that `promise` rejects with. Fails when it resolves. */
export async function errorOf(promise: PromiseLike<unknown>): Promise<unknown> {
  let value: unknown
  try {
    value = await promise
  } catch (error) {
    return error
  }
  throw new Error(`Expected a rejection, got ${JSON.stringify(value)}`)
}

/** Expects an OutboxError of this code and returns it. */
export async function expectCode(promise: PromiseLike<unknown>, code: OutboxErrorCode): Promise<Error> {
  const error = await errorOf(promise)
  if (!isOutboxError(error, code)) throw new Error(`Expected ${code}`, { cause: error })
  return error
}

/** A promise and the function that resolves it. */
export function gate(): { readonly opened: Promise<void>; open(): void } {
  let open!: () => void
  const opened = new Promise<void>((resolve) => {
    open = resolve
  })
  return { opened, open }
}

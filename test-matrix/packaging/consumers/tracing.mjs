// No package of OpenTelemetry is installed here. Events have no trace then; and both builds find what an
// application's own copy of its API registers later.
import { createRequire } from 'node:module'
import * as esmCore from '@outboxkit/core'
import { createRelay } from '@outboxkit/relay'
import { MemoryOutbox, memoryPublisher, memorySource } from '@outboxkit/testing'

const require = createRequire(import.meta.url)
const cjsCore = require('@outboxkit/core')

const check = (condition, text) => {
  if (!condition) throw new Error(text)
}
const isInstalled = (from) => {
  try {
    createRequire(require.resolve(`@outboxkit/${from}`)).resolve('@opentelemetry/api')
    return true
  } catch {
    return false
  }
}
for (const name of ['core', 'knex', 'relay', 'kafka'])
  check(!isInstalled(name), `@outboxkit/${name} finds @opentelemetry/api`)

const headersOf = ({ Outbox }) =>
  new Outbox().prepare([{ aggregateType: 'order', aggregateId: 1, type: 'order.placed', payload: 1 }])[0]
    .headers
for (const core of [esmCore, cjsCore]) {
  check(headersOf(core) === null, 'an event has headers of its own accord')
  check(core.withEventContext({ headers: {} }, () => 1) === 1, 'withEventContext has lost the result')
}

const outbox = new MemoryOutbox()
outbox.insert()
const publisher = memoryPublisher()
const relay = createRelay({ source: memorySource(outbox), publisher })
await relay.drain()
await relay.stop()
check(publisher.messages().length === 1, 'the relay has published nothing')

const traceparent = `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`
globalThis[Symbol.for('opentelemetry.js.api.1')] = {
  version: '1.9.1',
  context: { active: () => ({}), with: (_, run) => run() },
  propagation: { inject: (_, carrier, setter) => setter.set(carrier, 'traceparent', traceparent) },
}
for (const core of [esmCore, cjsCore])
  check(headersOf(core) === JSON.stringify({ traceparent }), 'what is registered was not found')
console.log('no trace without it, a trace with it')

import { expect, it } from 'vitest'
import type { OutboxState } from '@outboxkit/relay'
import { printStatus } from '../src/operations/status-view.js'
import { streamOutput } from '../src/output/streams.js'

const none = { rows: 0, atLeast: false }

function statusOf(owner: string): string {
  let text = ''
  const stream = { write: (part: string) => (text += part) }
  const output = streamOutput({ stdin: {}, stdout: stream, stderr: stream }, {}, false)
  const state: OutboxState = {
    backlog: { ...none, oldestAgeSeconds: null },
    held: { key: none, topic: none, time: none, oldestAgeSeconds: null },
    lease: {
      owner,
      epoch: 1,
      expired: false,
      expiresInSeconds: 9,
      renewals: 2,
      schemaVersion: 1,
      lastError: undefined,
    },
    lastError: undefined,
    databaseTime: new Date(0),
  }
  printStatus(output, { outbox: 'default', database: 'd', table: 't', state })
  return text
}

it('status says when the owner is dev, whose events do not reach Kafka', () => {
  expect(statusOf('dev:1')).toMatch(
    /relay +outboxkit dev, its events do not reach Kafka: owner dev:1, epoch 1/,
  )
  expect(statusOf('1')).toMatch(/relay +owner 1, epoch 1/)
})

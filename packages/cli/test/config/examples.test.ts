import { join } from 'node:path'
import { expect, it } from 'vitest'
import { one, readyMade, several } from '../../../../docs/examples/configuration.js'
import { configOf } from '../support/config.js'
import { folderWith } from '../support/folder.js'

it('the configurations of the documentation are right', async () => {
  const cwd = folderWith({ 'ca.pem': 'PEM', 'kafka-password': 'geheim' })
  const { sasl, ...kafka } = one.kafka ?? {}
  const withSecret = {
    ...one,
    kafka: { ...kafka, sasl: { ...sasl, passwordFile: join(cwd, 'kafka-password') } },
  }
  const first = await configOf(withSecret, { DATABASE_URL: 'postgres://h/d' }, cwd)
  expect(first.outboxes[0]).toMatchObject({
    table: { schema: 'app' },
    kafka: { client: { ssl: { ca: 'PEM' } } },
  })
  const second = await configOf(several)
  expect(
    second.outboxes.map(
      ({ name, kafka: { topicTemplate } = { topicTemplate: '' } }) => `${name} ${topicTemplate}`,
    ),
  ).toEqual(['orders outbox.event.{aggregateType}', 'billing billing.{type}'])
  const third = await configOf(readyMade)
  expect(third.outboxes[0]).toMatchObject({
    relay: { onPoison: 'halt' },
    kafka: { brokers: ['broker-1:9092'] },
  })
})

import { isOutboxError } from '@outboxkit/core'
import { describe, expect, it } from 'vitest'
import { createRouter, isLegalTopic } from '../src/routing.js'
import { storedEvent } from './event.js'

const caught = (run: () => unknown): unknown => {
  try {
    run()
  } catch (error) {
    return error
  }
  return undefined
}

describe('routing', () => {
  it('uses the topic of the row before the route and the route before the template', () => {
    const router = createRouter({
      topic: 'all.{type}',
      route: (event) => (event.position === 2 ? 'routed' : undefined),
    })
    expect(router.topicOf(storedEvent(1, { topic: 'own' }))).toBe('own')
    expect(router.topicOf(storedEvent(2))).toBe('routed')
    expect(router.topicOf(storedEvent(3))).toBe('all.order.placed')
  })

  it('uses outbox.event.<aggregate type> by default, with the case as it is', () => {
    expect(createRouter({}).topicOf(storedEvent(1, { aggregateType: 'OrderItem' }))).toBe(
      'outbox.event.OrderItem',
    )
  })

  it('takes an aggregate type literally, also with patterns of replace in it', () => {
    expect(caught(() => createRouter({}).topicOf(storedEvent(1, { aggregateType: '$&' })))).toSatisfy((e) =>
      isOutboxError(e, 'OUTBOX_PUBLISH_REJECTED'),
    )
  })

  it.each([['order item'], ['a/b'], ['ö'], ['x'.repeat(237)], ['a\nb']])(
    'rejects the topic made of %j',
    (aggregateType) => {
      const error = caught(() => createRouter({}).topicOf(storedEvent(1, { aggregateType })))
      expect(isOutboxError(error, 'OUTBOX_PUBLISH_REJECTED')).toBe(true)
    },
  )

  it.each([['.'], ['..'], [''], ['x'.repeat(250)]])('knows that %j is no topic', (topic) => {
    expect(isLegalTopic(topic)).toBe(false)
  })

  it('rejects the event when the route throws', () => {
    const router = createRouter({
      route: () => {
        throw new Error('no tenant')
      },
    })
    expect(() => router.topicOf(storedEvent(1))).toThrow(/no tenant/)
  })

  it.each([['a.{aggregate}'], ['{}'], ['a b'], ['']])('refuses the template %j', (topic) => {
    expect(
      isOutboxError(
        caught(() => createRouter({ topic })),
        'OUTBOX_OPTION_INVALID',
      ),
    ).toBe(true)
  })

  it('knows the topic before the first event only when nothing can change it', () => {
    expect(createRouter({ topic: 'events' }).knownTopics).toEqual(['events'])
    expect(createRouter({ topic: '{type}' }).knownTopics).toEqual([])
    expect(createRouter({ topic: 'events', route: () => undefined }).knownTopics).toEqual([])
  })
})

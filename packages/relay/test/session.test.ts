import { OutboxError } from '@outboxkit/core'
import { expect, test } from 'vitest'
import { Session } from '../src/session.js'

/** A driver that leaves a statement without an answer when its link is lost, as some do. */
function silent(): {
  session: Session<string>
  lose: (error?: Error) => void
  ended: string[]
  opened: () => number
} {
  let opened = 0
  let lose: (error?: Error) => void = () => undefined
  const ended: string[] = []
  const session = new Session<string>({
    open: (onError) => {
      lose = onError
      opened += 1
      return Promise.resolve(`link ${opened}`)
    },
    end: (link) => void ended.push(link),
    isReported: () => false,
    failure: (what, error) => new OutboxError('OUTBOX_SOURCE_FAILED', `${what}: ${(error as Error).message}`),
  })
  return { session, lose: (error) => lose(error), ended, opened: () => opened }
}

const never = (): Promise<never> => new Promise(() => undefined)

test('a statement without an answer fails when its link is lost, and the next one has another link', async () => {
  const { session, lose, ended } = silent()
  const running = session.exclusive((use) => use(never))
  const next = session.exclusive((use) => use((link) => Promise.resolve(link)))
  setTimeout(() => lose(new Error('gone')), 5)
  await expect(running).rejects.toThrow('A statement failed: gone')
  expect(await next).toBe('link 2')
  expect(ended).toEqual(['link 1'])
})

test('a statement without an answer fails when the session is closed', async () => {
  const { session } = silent()
  const running = session.exclusive((use) => use(never))
  setTimeout(() => void session.close(), 5)
  await expect(running).rejects.toThrow('the connection was closed')
  expect(await session.exclusive((use) => use((link) => Promise.resolve(link)))).toBe('link 2')
})

test('what follows in the same transaction is not sent on another link', async () => {
  const { session, lose, opened } = silent()
  const transaction = session.exclusive(async (use) => {
    await use(() => Promise.resolve('begin'))
    lose()
    return use(() => Promise.resolve('delete'))
  })
  await expect(transaction).rejects.toThrow('the connection was lost after the statement before it')
  expect(opened()).toBe(1)
})

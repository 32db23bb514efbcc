import { expect, test } from 'vitest'
import { disconnected } from './disconnected.js'

test('pg_terminate_backend of every connection of the relays, again and again', async () => {
  const { failures } = await disconnected('postgres', 8)
  expect(failures).toEqual([])
})

import { expect, test } from 'vitest'
import { contended } from './contended.js'
import { isLong, orderEvents } from './stage.js'

test(
  `${orderEvents} contended events arrive once or more, in order, through kill -9 and take-over`,
  { timeout: isLong ? 1_800_000 : 300_000 },
  async () => {
    const { failures } = await contended('postgres', orderEvents, isLong ? 12 : 3)
    expect(failures).toEqual([])
  },
)

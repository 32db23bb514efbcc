import { describe, expect, it } from 'vitest'
import { slice } from './cells.js'
import { runCell } from './run-cell.js'

/** A small cell of each axis; the whole grid is `npm run matrix`. */
describe('the same suites on', () => {
  it.each(slice)('$name', async (cell) => {
    const { passed, tally, output } = await runCell(cell)
    expect(passed, output.slice(-8000)).toBe(true)
    // A selection that matches nothing would pass as well.
    expect(Number(/^\d+/.exec(tally)?.[0])).toBeGreaterThan(20)
  })
})

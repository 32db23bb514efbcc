import { beforeAll, describe, expect, it } from 'vitest'
import { build, checks } from '../../tools/checks.js'
import { generateClients } from '../../tools/prepare.js'
import { runCheck } from '../../tools/run-check.js'

describe('npm run check', () => {
  beforeAll(async () => {
    await generateClients()
    const problem = await runCheck(build)
    if (problem !== undefined) throw new Error(problem)
  }, 300_000)

  it.each(checks)('$name', async (check) => {
    expect(await runCheck(check)).toBeUndefined()
  })
})

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { exampleMessages } from '../docs/examples/envelopes.js'
import { brokenLinks, pages, render, root, unmarkedBlocks } from './snippets.js'

describe.each(pages())('%s', (page) => {
  const markdown = readFileSync(join(root, page), 'utf8')

  it('shows code as the tested files have it (npm run docs brings it up to date)', () => {
    expect(render(markdown)).toBe(markdown)
  })

  it('has no code block that comes from no file', () => {
    expect(unmarkedBlocks(markdown)).toEqual([])
  })

  it('has no broken link', () => {
    expect(brokenLinks(page, markdown)).toEqual([])
  })
})

describe('the pages', () => {
  it('name every error code, and every code of a warning', async () => {
    const { errorCodes, warningCodes } = await import('@outboxkit/core')
    const page = readFileSync(join(root, 'docs/errors.md'), 'utf8')
    const codes = [...errorCodes, ...warningCodes]
    expect(codes.filter((code) => !page.includes(`### \`${code}\``))).toEqual([])
  })

  it.each(Object.entries(exampleMessages()))('docs/examples/%s is what the envelope makes', (name, text) => {
    expect(readFileSync(join(root, 'docs/examples', name), 'utf8')).toBe(text)
  })

  it('a block that differs, a missing region and a dead anchor are noticed', () => {
    const block = '<!-- from: tools/run-check.ts -->\n\n```ts\nnot this\n```'
    expect(render(block)).not.toBe(block)
    expect(() => render('<!-- from: tools/run-check.ts#nowhere -->\n\n```ts\n```')).toThrow('no region')
    expect(brokenLinks('README.md', '[x](docs/errors.md#nowhere) [y](docs/nowhere.md)')).toHaveLength(2)
  })
})

// npm run docs: writes the code blocks of the Markdown pages anew from the files that they come from.
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { exampleMessages } from '../docs/examples/envelopes.js'
import { pages, render, root } from './snippets.js'

for (const [name, text] of Object.entries(exampleMessages()))
  writeFileSync(join(root, 'docs/examples', name), text)

for (const page of pages()) {
  const file = join(root, page)
  const before = readFileSync(file, 'utf8')
  const after = render(before)
  if (after === before) continue
  writeFileSync(file, after)
  console.log(`updated ${page}`)
}

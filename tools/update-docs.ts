// npm run docs: writes the code blocks of the Markdown pages anew from the files that they come from.
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pages, render, root } from './snippets.js'

for (const page of pages()) {
  const file = join(root, page)
  const before = readFileSync(file, 'utf8')
  const after = render(before)
  if (after === before) continue
  writeFileSync(file, after)
  console.log(`updated ${page}`)
}

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { root } from '../../tools/checks.js'
import type { Orm } from './projects.js'

/** The commands of the section `Start` in the README of an adapter, in order. */
export function startCommands(orm: Orm): readonly string[] {
  return commandsIn(readFileSync(join(root, 'packages', orm, 'README.md'), 'utf8'))
}

export function commandsIn(readme: string): readonly string[] {
  const [, section = ''] = /^## Start$([\s\S]*?)^## /m.exec(`${readme}\n## `) ?? []
  const [, block = ''] = /```sh\n([\s\S]*?)```/.exec(section) ?? []
  const commands = block
    .split(/\n|&&/)
    .map((line) => line.replace(/\s+#.*$/, '').trim())
    .filter((line) => line !== '' && !line.startsWith('#'))
  if (commands.length === 0) throw new Error('The README has no commands in a section Start.')
  return commands
}

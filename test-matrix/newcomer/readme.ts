import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { root } from '../../tools/checks.js'
import type { DatabaseName, Orm } from './projects.js'

/** The commands of the section `Start` in the README of an adapter, in order. */
export function startCommands(orm: Orm, database: DatabaseName): readonly string[] {
  return commandsIn(readFileSync(join(root, 'packages', orm, 'README.md'), 'utf8'), database)
}

/** Without those that a comment reserves for other databases. */
export function commandsIn(readme: string, database: DatabaseName): readonly string[] {
  const [, section = ''] = /^## Start$([\s\S]*?)^## /m.exec(`${readme}\n## `) ?? []
  const [, block = ''] = /```sh\n([\s\S]*?)```/.exec(section) ?? []
  const commands = block
    .split('\n')
    .filter((line) => database !== 'postgres' || !/# only on MySQL/.test(line))
    .flatMap((line) => line.replace(/(^|\s+)#.*$/, '').split('&&'))
    .map((command) => command.trim())
    .filter((command) => command !== '')
  if (commands.length === 0) throw new Error('The README has no commands in a section Start.')
  return commands
}

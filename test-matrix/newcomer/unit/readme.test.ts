import { describe, expect, it } from 'vitest'
import { orderProgram, stepOf, wrapHandle } from '../instructions.js'
import { orms } from '../projects.js'
import { commandsIn, startCommands } from '../readme.js'
import { installPacked } from '../tarballs.js'

describe('following the README', () => {
  it('takes the commands of the section Start', () => {
    const readme =
      '# x\n```sh\nno\n```\n## Start\ntext\n```sh\na b # why\n# no\nc && d\nm # only on MySQL\n```\n```sh\nlater\n```\n## Next\n'
    expect(commandsIn(readme, 'mysql')).toEqual(['a b', 'c', 'd', 'm'])
    expect(commandsIn(readme, 'postgres')).toEqual(['a b', 'c', 'd'])
    expect(() => commandsIn('# x\n## Next\n', 'mysql')).toThrow('no commands')
  })

  it.each(orms)('the README of %s goes from install to dev in at most six commands', (orm) => {
    const commands = startCommands(orm, 'mysql')
    expect(commands[0]).toBe(`npm install @outboxkit/${orm} outboxkit`)
    expect(commands.at(-1)).toBe('npx outboxkit dev')
    expect(commands.length).toBeLessThanOrEqual(6)
  })

  it('does what init says', () => {
    const step = { title: 'Wrap the handle (db.js:3)', lines: ['import w', 'export const db = w(a)'] }
    expect(wrapHandle('import a\n\nexport const db = a\n', step)).toBe(
      'import w\nimport a\n\nexport const db = w(a)\n',
    )
    expect(() => wrapHandle('import a\n\n', step)).toThrow('no handle in line 3')
    expect(orderProgram({ title: '', lines: ['emit()'] }, { imports: 'import', close: 'end()' })).toContain(
      'emit()\nend()\n',
    )
    expect(() => stepOf([], 'Emit')).toThrow('init does not say: Emit')
  })

  it('installs what was packed, and nothing that is not ours', () => {
    const names = ['@outboxkit/core', '@outboxkit/relay', '@outboxkit/kafka', 'outboxkit']
    const tarballs = new Map(names.map((name) => [name, `/t/${name.replaceAll('/', '-')}.tgz`]))
    expect(installPacked('npm install outboxkit', tarballs)).toMatch(
      / \/t\/outboxkit\.tgz .*core\.tgz .*kafka\.tgz$/,
    )
    expect(() => installPacked('npm install outboxkti', tarballs)).toThrow('outboxkti')
  })
})

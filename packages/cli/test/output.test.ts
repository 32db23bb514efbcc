import { describe, expect, it } from 'vitest'
import { showsColour } from '../src/output/paint.js'
import { streamOutput } from '../src/output/streams.js'

function captured({ json = false, isTerminal = false, environment = {} as Record<string, string> } = {}) {
  const texts = { stdout: '', stderr: '' }
  const stream = (name: 'stdout' | 'stderr') => ({
    isTTY: isTerminal,
    columns: 40,
    write: (text: string) => (texts[name] += text),
  })
  const streams = { stdin: { isTTY: isTerminal }, stdout: stream('stdout'), stderr: stream('stderr') }
  return { texts, output: streamOutput(streams, environment, json) }
}

describe('what a command prints', () => {
  it('results for people go to standard output, notes to standard error', () => {
    const { texts, output } = captured()
    output.line('a')
    output.table(
      ['one', 'two'],
      [
        ['1', '2'],
        ['longer', ''],
      ],
    )
    output.data({ a: 1 })
    output.note('by the way')
    output.progress('Working').stop('done')
    expect(texts).toEqual({ stdout: 'a\none     two\n1       2\nlonger\n', stderr: 'by the way\ndone\n' })
  })

  it('with --json, results are one object a line and nothing else', () => {
    const { texts, output } = captured({ json: true, isTerminal: true })
    output.line('a')
    output.table(['one'], [['1']])
    output.data({ text: '\u001b[31mred' })
    output.note('by the way')
    expect(texts.stdout).toBe('{"text":"\\u001b[31mred"}\n')
    expect(texts.stderr).toBe('by the way\n')
    expect(output.interactive).toBe(false)
  })

  it('what comes from outside cannot colour the terminal or move its cursor', () => {
    const { texts, output } = captured({ isTerminal: true })
    output.line(`${output.paint.red('bad')} \u001b[2J\u001b[31m\u0007x`)
    output.table(['\u001b[1mhead'], [[`${output.paint.bold(output.paint.green('\u001b]0;title\u0007ok'))}`]])
    output.note('\u001b[31mnote\u009b2J')
    expect(texts.stdout).toBe(
      '\u001b[31mbad\u001b[39m [2J[31mx\n\u001b[1m[1mhead\u001b[22m\n\u001b[1m\u001b[32m]0;titleok\u001b[39m\u001b[22m\n',
    )
    expect(texts.stderr).toBe('[31mnote2J\n')
  })

  it('without colours there is not one escape', () => {
    const { texts, output } = captured({ isTerminal: true, environment: { NO_COLOR: '1' } })
    output.line(output.paint.red('bad'))
    output.table(['head'], [[output.paint.bold('cell')]])
    output.note(output.paint.yellow('note'))
    expect(texts).toEqual({ stdout: 'bad\nhead\ncell\n', stderr: 'note\n' })
  })

  it.each([
    [{}, true, true],
    [{}, false, false],
    [{ NO_COLOR: '1' }, true, false],
    [{ NO_COLOR: '' }, true, true],
    [{ FORCE_COLOR: '1' }, false, true],
    [{ FORCE_COLOR: '0' }, true, false],
    [{ FORCE_COLOR: '1', NO_COLOR: '1' }, false, true],
    [{ TERM: 'dumb' }, true, false],
  ])('%o on a terminal: %s shows colours: %s', (environment, isTerminal, expected) => {
    expect(showsColour(environment, isTerminal)).toBe(expected)
  })

  it('counts long work on a terminal only, within its width', () => {
    const { texts, output } = captured({ isTerminal: true })
    const progress = output.progress('Reading')
    progress.update('x'.repeat(100))
    progress.stop('done')
    const lines = texts.stderr.split('\r\u001b[K')
    expect(lines.slice(1)).toEqual(['Reading …', `Reading ${'x'.repeat(31)}`, 'done\n'])
  })

  it('asks nobody in CI', () => {
    expect(captured({ isTerminal: true }).output.interactive).toBe(true)
    expect(captured({ isTerminal: true, environment: { CI: 'true' } }).output.interactive).toBe(false)
  })
})

/** How a text file is written, so that what is appended looks like the rest. */
export interface TextStyle {
  readonly lineEnd: '\n' | '\r\n'
  /** One step of indentation. */
  readonly indent: string
  readonly endsWithLine: boolean
}

export function textStyle(text: string): TextStyle {
  const windows = text.split('\r\n').length - 1
  const lines = text.split('\n').length - 1
  return {
    lineEnd: windows > lines / 2 ? '\r\n' : '\n',
    indent: indentOf(text),
    endsWithLine: text === '' || text === '\uFEFF' || text.endsWith('\n'),
  }
}

/** The step that most lines take which are deeper than the line before. */
function indentOf(text: string): string {
  const counts = new Map<string, number>()
  let before = ''
  for (const line of text.split(/\r?\n/)) {
    if (line.trim() === '') continue
    const own = /^[\t ]*/.exec(line)?.[0] ?? ''
    const step = own.startsWith(before) ? own.slice(before.length) : ''
    if (/^(\t| {1,8})$/.test(step)) counts.set(step, (counts.get(step) ?? 0) + 1)
    before = own
  }
  const [most] = [...counts].sort(([, one], [, other]) => other - one)
  return most?.[0] ?? '  '
}

/**
 * What has to be appended to `existing` so that `addition` (two spaces a step) stands there in the file's own
 * style, after one empty line.
 */
export function appendedText(existing: string, addition: string): string {
  const { lineEnd, indent, endsWithLine } = textStyle(existing)
  const body = addition.replaceAll('\r\n', '\n').replace(/^\n+/, '').trimEnd()
  const lines = body.split('\n').map((line) => reindented(line, indent))
  const hasText = existing.replace(/^\uFEFF/, '').trim() !== ''
  const endsWithEmptyLine = /\n[\t ]*\r?\n$/.test(existing)
  const gap = (endsWithLine ? '' : lineEnd) + (hasText && !endsWithEmptyLine ? lineEnd : '')
  return gap + lines.join(lineEnd) + lineEnd
}

function reindented(line: string, indent: string): string {
  const spaces = /^(?: {2})*/.exec(line)?.[0] ?? ''
  return indent.repeat(spaces.length / 2) + line.slice(spaces.length)
}

export interface CodeStyle {
  /** A text in quotes. */
  readonly q: (text: string) => string
  /** `;`, or nothing. */
  readonly end: string
}

/** How a JavaScript or TypeScript file of the project is written; single quotes and no semicolons where it does not say. */
export function codeStyle(code: string): CodeStyle {
  const single = code.split("'").length
  const double = code.split('"').length
  const mark = double > single ? '"' : "'"
  const statements = code
    .split(/\r?\n/)
    .map((line) => line.trim())
    .filter((line) => /^(import|export|const|module)\b|^[}\])]/.test(line) && !/[{([,]$/.test(line))
  const ended = statements.filter((line) => line.endsWith(';'))
  return {
    q: (text) => `${mark}${text.replaceAll('\\', '\\\\').replaceAll(mark, `\\${mark}`)}${mark}`,
    end: ended.length * 2 > statements.length ? ';' : '',
  }
}

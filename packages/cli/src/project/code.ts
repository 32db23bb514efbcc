/** The end of the string that starts at `start`; the text's end when it is not closed. */
export function endOfString(text: string, start: number): number {
  const quote = text[start]
  for (let at = start + 1; at < text.length; at += 1) {
    if (text[at] === '\\') at += 1
    else if (text[at] === quote) return at + 1
  }
  return text.length
}

/** JavaScript or TypeScript with blanks in the place of its comments: every position stays the same. */
export function withoutComments(text: string): string {
  let code = ''
  let at = 0
  while (at < text.length) {
    const end = endOfToken(text, at)
    const token = text.slice(at, end)
    code += /^\/[/*]/.test(token) ? token.replace(/[^\r\n]/g, ' ') : token
    at = end
  }
  return code
}

function endOfToken(text: string, at: number): number {
  if (`"'\``.includes(text[at] ?? ' ')) return endOfString(text, at)
  if (text.startsWith('//', at)) return endAt(text, text.indexOf('\n', at))
  if (text.startsWith('/*', at)) return endAt(text, text.indexOf('*/', at + 2), 2)
  return at + 1
}

const endAt = (text: string, found: number, width = 0): number => (found < 0 ? text.length : found + width)

/** The first position from `start` on, outside of strings and brackets, where one of `stops` stands; or the text's end. */
export function skipTo(code: string, start: number, stops: string): number {
  let depth = 0
  for (let at = start; at < code.length; at += 1) {
    const character = code[at] ?? ''
    if (depth === 0 && stops.includes(character)) return at
    if (`"'\``.includes(character)) at = endOfString(code, at) - 1
    else if ('([{'.includes(character)) depth += 1
    else if (')]}'.includes(character)) depth -= 1
    if (depth < 0) return at
  }
  return code.length
}

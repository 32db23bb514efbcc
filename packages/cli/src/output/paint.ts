/** Colours by name. What they return may be nested and goes through an {@link Output} only. */
export interface Paint {
  readonly bold: (text: string) => string
  readonly dim: (text: string) => string
  readonly red: (text: string) => string
  readonly green: (text: string) => string
  readonly yellow: (text: string) => string
  readonly cyan: (text: string) => string
}

// A terminal's codes, written as private characters until the text is printed: every escape that is in a text
// before that comes from outside and is removed, and none of ours can be lost with it.
const base = 0xf0000
const marks = /[\u{f0000}-\u{f006b}]/gu

/** `colour: false`: every function returns its text. */
export function createPaint(colour: boolean): Paint {
  const between = (open: number, close: number) => (text: string) =>
    colour ? `${String.fromCodePoint(base + open)}${text}${String.fromCodePoint(base + close)}` : text
  return {
    bold: between(1, 22),
    dim: between(2, 22),
    red: between(31, 39),
    green: between(32, 39),
    yellow: between(33, 39),
    cyan: between(36, 39),
  }
}

/** The private characters become the terminal's codes; without colours they vanish. */
export function applyPaint(text: string, colour: boolean): string {
  return text.replace(marks, (mark) => (colour ? `\u001b[${(mark.codePointAt(0) ?? base) - base}m` : ''))
}

/** `FORCE_COLOR`, then `NO_COLOR`, then whether it is a terminal that can. */
export function showsColour(
  environment: Readonly<Record<string, string | undefined>>,
  isTerminal: boolean,
): boolean {
  const { FORCE_COLOR: force, NO_COLOR: none, TERM: terminal } = environment
  if (force !== undefined && force !== '') return force !== '0' && force !== 'false'
  if (none !== undefined && none !== '') return false
  return isTerminal && terminal !== 'dumb'
}

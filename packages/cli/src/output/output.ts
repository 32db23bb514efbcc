import type { Paint } from './paint.js'

/** Where a command prints: results to standard output, everything else to standard error. */
export interface Output {
  /** Results as JSON instead of text. */
  readonly json: boolean
  /** Both ends are a terminal, so that a person can be asked. */
  readonly interactive: boolean
  /** Standard output shows colours. */
  readonly colour: boolean
  /** Columns of the terminal; 80 where there is none. */
  readonly columns: number
  /** Colours for what goes to `line`, `table` and `note`; the text itself where there are none. */
  readonly paint: Paint
  /** One line of a result for people; nothing with `--json`. Control characters are removed. */
  line(text?: string): void
  /** A table for people; nothing with `--json`. */
  table(head: readonly string[], rows: readonly (readonly string[])[]): void
  /** One JSON object on one line, with `--json` only. */
  data(value: unknown): void
  /** For people, on standard error, also with `--json`. */
  note(text: string): void
  /** Long work: counted on a terminal, silent elsewhere. */
  progress(title: string): Progress
}

export interface Progress {
  update(text: string): void
  /** Takes the line away; `text` stays as a note. */
  stop(text?: string): void
}

/** Text from outside - payloads, names, reasons - without what would move a terminal's cursor or change its colours. */
export function plainText(text: string): string {
  // oxlint-disable-next-line no-control-regex -- control characters are what is looked for
  return text.replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g, '')
}

import Table from 'cli-table3'
import { plainText, type Output, type Progress } from './output.js'
import { applyPaint, createPaint, showsColour } from './paint.js'

/** The part of a standard stream that is used. */
export interface OutputStream {
  readonly isTTY?: boolean | undefined
  readonly columns?: number | undefined
  write(text: string): unknown
}

export interface OutputStreams {
  readonly stdin: { readonly isTTY?: boolean | undefined }
  readonly stdout: OutputStream
  readonly stderr: OutputStream
}

/** {@link Output} on the standard streams. */
export function streamOutput(
  { stdin, stdout, stderr }: OutputStreams,
  environment: Readonly<Record<string, string | undefined>>,
  json: boolean,
): Output {
  const colour = !json && showsColour(environment, stdout.isTTY === true)
  const stderrColour = showsColour(environment, stderr.isTTY === true)
  const clean = (text: string) => applyPaint(plainText(text), colour)
  return {
    json,
    interactive: !json && stdin.isTTY === true && stdout.isTTY === true && !isSet(environment['CI']),
    colour,
    columns: stdout.columns ?? 80,
    // Notes are painted too; each stream drops what it does not show.
    paint: createPaint(colour || stderrColour),
    line(text = '') {
      if (!json) stdout.write(`${clean(text)}\n`)
    },
    table(head, rows) {
      if (json) return
      const bold = createPaint(colour).bold
      const cells = [head.map(bold), ...rows].map((row) => row.map((cell) => clean(cell)))
      stdout.write(`${tableText(cells)}\n`)
    },
    data(value) {
      if (json) stdout.write(`${JSON.stringify(value)}\n`)
    },
    note(text) {
      stderr.write(`${applyPaint(plainText(text), stderrColour)}\n`)
    },
    progress: (title) => (stderr.isTTY === true ? terminalProgress(stderr, title) : silentProgress(stderr)),
  }
}

/** Columns side by side, without lines around them. */
function tableText(rows: readonly (readonly string[])[]): string {
  const none = Object.fromEntries(
    [...'top,top-mid,top-left,top-right,bottom,bottom-mid,bottom-left,bottom-right'.split(','), 'left'].map(
      (place) => [place, ''],
    ),
  )
  const table = new Table({
    chars: { ...none, 'left-mid': '', mid: '', 'mid-mid': '', right: '', 'right-mid': '', middle: '  ' },
    style: { 'padding-left': 0, 'padding-right': 0, head: [], border: [] },
  })
  table.push(...rows.map((row) => [...row]))
  return table
    .toString()
    .split('\n')
    .map((line) => line.trimEnd())
    .join('\n')
}

function terminalProgress(stderr: OutputStream, title: string): Progress {
  const width = () => Math.max(20, (stderr.columns ?? 80) - 1)
  const show = (text: string) => stderr.write(`\r\u001b[K${plainText(text).slice(0, width())}`)
  show(`${title} …`)
  return {
    update: (text) => void show(`${title} ${text}`),
    stop(text) {
      stderr.write('\r\u001b[K')
      if (text !== undefined) stderr.write(`${plainText(text)}\n`)
    },
  }
}

function silentProgress(stderr: OutputStream): Progress {
  return {
    update() {},
    stop(text) {
      if (text !== undefined) stderr.write(`${plainText(text)}\n`)
    },
  }
}

function isSet(value: string | undefined): boolean {
  return value !== undefined && value !== '' && value !== 'false'
}

import { writeSync } from 'node:fs'
import { createInterface } from 'node:readline'

/** What a child of the bench was told, the JSON in its only argument. */
export function childConfig<T>(): T {
  return JSON.parse(process.argv[2] ?? '{}') as T
}

/** One line of JSON for the parent. */
export function say(line: { readonly state: string }): void {
  writeSync(1, `${JSON.stringify(line)}\n`)
}

/** Calls `onLine` with what the parent says, and `onEnd` when it wants the child to end, or is gone itself. */
export function listen(onEnd: () => void, onLine: (line: string) => void = () => {}): void {
  createInterface({ input: process.stdin }).on('line', onLine).once('close', onEnd)
}

/** Milliseconds on a clock that all processes of this machine share and that is never set. */
export function monotonicMs(): number {
  return Number(process.hrtime.bigint()) / 1e6
}

/** Milliseconds of processor time that this process has used. */
export function cpuMs(): number {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1000
}

#!/usr/bin/env node
import { createRequire } from 'node:module'
import { runProgram } from './run.js'

const { version } = createRequire(import.meta.url)('outboxkit/package.json') as { version: string }
const stop = new AbortController()

/** How long commands may take to give back what they hold after something that nobody caught. */
const graceMs = 10_000
let failed = false

for (const [signal, code] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const)
  process.on(signal, () => {
    // The second signal: at once.
    if (stop.signal.aborted) process.exit(code)
    stop.abort(new DOMException(`Ended by ${signal}.`, 'AbortError'))
  })

for (const stream of [process.stdout, process.stderr])
  stream.on('error', (error: NodeJS.ErrnoException) => {
    // Nobody reads any more (`outboxkit … | head`): no fault. The command ends as it does by a signal.
    if (error.code === 'EPIPE' || error.code === 'ERR_STREAM_DESTROYED')
      stop.abort(new DOMException('Nobody reads the output any more.', 'AbortError'))
    else fail(error)
  })

process.on('uncaughtException', fail)
process.on('unhandledRejection', fail)

/** A worker gives its lease back through the signal; then, or when that takes too long, the process ends. */
function fail(error: unknown): void {
  if (!failed) setTimeout(() => process.exit(1), graceMs).unref()
  failed = true
  const isDebug = process.argv.includes('--debug')
  const message = error instanceof Error ? error.message : String(error)
  const text =
    isDebug && error instanceof Error ? (error.stack ?? message) : `${message} (--debug shows where)`
  process.stderr.write(`error INTERNAL: nobody has caught: ${text}\n`)
  stop.abort(error)
}

const exitCode = await runProgram(process.argv.slice(2), {
  cwd: process.cwd(),
  environment: process.env,
  stdin: process.stdin,
  stdout: process.stdout,
  stderr: process.stderr,
  signal: stop.signal,
  version,
})
// Rejections that nobody handles are told of at the end of a turn.
await new Promise((resolve) => setImmediate(resolve))
await Promise.all([process.stdout, process.stderr].map(flushed))
// A configuration file may have left connections open: they are not waited for.
process.exit(failed && exitCode === 0 ? 1 : exitCode)

function flushed(stream: NodeJS.WriteStream): Promise<void> {
  return new Promise((resolve) => {
    if (stream.destroyed || !stream.writable) resolve()
    else stream.write('', () => resolve())
  })
}

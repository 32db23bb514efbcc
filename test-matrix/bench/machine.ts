import { readFileSync } from 'node:fs'
import { arch, cpus, loadavg, release, totalmem, type as osType } from 'node:os'

/** What the figures depend on, in words. */
export function describeMachine(): string {
  const model = cpus()[0]?.model.trim() ?? 'unknown processor'
  const gigabytes = Math.round(totalmem() / 2 ** 30)
  const system = `${distribution() ?? osType()} (kernel ${release()}, ${arch()})`
  return `${cpus().length} x ${model}, ${gigabytes} GB, ${system}, Node ${process.versions.node}`
}

function distribution(): string | undefined {
  try {
    return /^PRETTY_NAME="?([^"\n]+)/m.exec(readFileSync('/etc/os-release', 'utf8'))?.[1]
  } catch {
    return undefined
  }
}

/** A warning when something else keeps the machine busy: the figures are worth nothing then. */
export function busyWarning(): string | undefined {
  const [load = 0] = loadavg()
  if (load < 0.5) return undefined
  return `The machine is busy (load ${load.toFixed(1)}): end what else is running, or do not quote these figures.`
}

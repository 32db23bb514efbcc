import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

interface Profile {
  readonly nodes: readonly {
    readonly id: number
    readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number }
  }[]
  readonly samples: readonly number[]
  readonly timeDeltas: readonly number[]
}

export interface Share {
  readonly place: string
  readonly share: number
}

/** Where the processor time of all profiles in `folder` went: by npm package, and by file of ours. Not idle time. */
export function whereTimeWent(folder: string): Share[] {
  const times = new Map<string, number>()
  for (const name of readdirSync(folder).filter((file) => file.endsWith('.cpuprofile'))) {
    const profile = JSON.parse(readFileSync(join(folder, name), 'utf8')) as Profile
    for (const [place, time] of timesOf(profile)) times.set(place, (times.get(place) ?? 0) + time)
  }
  const total = [...times.values()].reduce((sum, time) => sum + time, 0)
  return [...times].map(([place, time]) => ({ place, share: time / total })).sort((a, b) => b.share - a.share)
}

function timesOf({ nodes, samples, timeDeltas }: Profile): Map<string, number> {
  const places = new Map(nodes.map((node) => [node.id, placeOf(node.callFrame)]))
  const times = new Map<string, number>()
  samples.forEach((id, index) => {
    const place = places.get(id)
    if (place !== undefined) times.set(place, (times.get(place) ?? 0) + (timeDeltas[index] ?? 0))
  })
  return times
}

/** `undefined`: not processor time. */
function placeOf({
  functionName,
  url,
  lineNumber,
}: Profile['nodes'][number]['callFrame']): string | undefined {
  if (functionName === '(idle)' || functionName === '(root)') return undefined
  if (url === '') return functionName.startsWith('(') ? functionName : 'built into V8'
  if (url.startsWith('node:')) return 'Node'
  const dependency = /.*\/node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(url)?.[1]
  if (dependency !== undefined) return dependency
  return sourceFile(url, lineNumber)
}

const bundles = new Map<string, readonly string[]>()

/** esbuild writes the name of each file before its code. */
function sourceFile(url: string, lineNumber: number): string {
  const path = url.startsWith('file:') ? fileURLToPath(url) : url
  let lines = bundles.get(path)
  if (lines === undefined) bundles.set(path, (lines = readFileSync(path, 'utf8').split('\n')))
  for (let line = lineNumber; line >= 0; line--) {
    const name = /^\/\/ (\S+\.ts)$/.exec(lines[line] ?? '')?.[1]
    if (name !== undefined) return name
  }
  return path
}

import { dirname, join } from 'node:path'
import type { ProjectFiles } from './files.js'
import type { PackageManager } from './names.js'

/** What is read of a package.json. */
export interface PackageJson {
  readonly name: string | undefined
  readonly isModule: boolean
  readonly packageManager: string | undefined
  /** Globs of the members of a workspace. */
  readonly workspaces: readonly string[]
  readonly prismaSchema: string | undefined
  /** Name → range, of every kind of dependency. */
  readonly dependencies: ReadonlyMap<string, string>
}

/** `undefined` when there is none, or none that is JSON. */
export function readPackageJson(files: ProjectFiles, folder: string): PackageJson | undefined {
  const text = files.read(join(folder, 'package.json'))
  const data = text === undefined ? undefined : parseObject(text)
  if (data === undefined) return undefined
  const workspaces = data['workspaces']
  const globs = Array.isArray(workspaces) ? workspaces : objectOf(workspaces)['packages']
  const kinds = ['dependencies', 'devDependencies', 'peerDependencies', 'optionalDependencies']
  return {
    name: stringOf(data['name']),
    isModule: data['type'] === 'module',
    packageManager: stringOf(data['packageManager']),
    workspaces: Array.isArray(globs) ? globs.filter((glob) => typeof glob === 'string') : [],
    prismaSchema: stringOf(objectOf(data['prisma'])['schema']),
    dependencies: new Map(kinds.flatMap((kind) => Object.entries(objectOf(data[kind])).map(asText))),
  }
}

/** The nearest folder upwards that has a package.json. */
export function packageFolder(files: ProjectFiles, from: string): string | undefined {
  return ancestors(from).find((folder) => files.kind(join(folder, 'package.json')) === 'file')
}

/** The folder itself first. */
export function ancestors(from: string): readonly string[] {
  const folders = [from]
  for (let at = from; dirname(at) !== at; at = dirname(at)) folders.push(dirname(at))
  return folders
}

const lockFiles: Readonly<Record<string, PackageManager>> = {
  'pnpm-lock.yaml': 'pnpm',
  'pnpm-workspace.yaml': 'pnpm',
  'yarn.lock': 'yarn',
  'bun.lock': 'bun',
  'bun.lockb': 'bun',
  'package-lock.json': 'npm',
  'npm-shrinkwrap.json': 'npm',
}

/** By `packageManager`, else by the lock file, of the nearest folder upwards that says; else npm. */
export function packageManagerOf(files: ProjectFiles, from: string): PackageManager {
  for (const folder of ancestors(from)) {
    const named = /^(npm|pnpm|yarn|bun)@/.exec(readPackageJson(files, folder)?.packageManager ?? '')?.[1]
    if (named !== undefined) return named as PackageManager
    const lock = Object.keys(lockFiles).find((name) => files.kind(join(folder, name)) === 'file')
    if (lock !== undefined) return lockFiles[lock] ?? 'npm'
  }
  return 'npm'
}

function parseObject(text: string): Record<string, unknown> | undefined {
  try {
    const data: unknown = JSON.parse(text.replace(/^\uFEFF/, ''))
    return typeof data === 'object' && data !== null ? (data as Record<string, unknown>) : undefined
  } catch {
    return undefined
  }
}

const objectOf = (value: unknown): Record<string, unknown> =>
  typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
const stringOf = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined)
const asText = ([name, range]: [string, unknown]): [string, string] => [name, String(range)]

import { join, relative, sep } from 'node:path'
import type { ProjectFiles } from './files.js'
import { ancestors, readPackageJson } from './package-json.js'

const skipped = new Set(['node_modules', 'dist', 'build', 'out', 'coverage', 'generated', 'vendor', 'tmp'])

export interface Workspace {
  readonly root: string
  /** Folders of the members. */
  readonly members: readonly string[]
}

/** The workspace that a package is in, or the root of. npm, Yarn, Bun and pnpm; turbo and nx use theirs. */
export function workspaceOf(files: ProjectFiles, folder: string): Workspace | undefined {
  for (const root of ancestors(folder)) {
    const globs = workspaceGlobs(files, root)
    if (globs.length === 0) continue
    const members = membersOf(files, root, globs)
    if (root === folder || members.includes(folder)) return { root, members }
  }
  return undefined
}

/** Folders below `root` to look at when no workspace says which are packages: nx with one package.json. */
export function foldersBelow(files: ProjectFiles, root: string, depth = 4): readonly string[] {
  if (depth === 0) return []
  return files
    .list(root)
    .filter(
      (name) =>
        !name.startsWith('.') && !skipped.has(name) && !/^(__)?(test|fixture|example)s?(__)?$/.test(name),
    )
    .map((name) => join(root, name))
    .filter((path) => files.kind(path) === 'folder')
    .flatMap((path) => [path, ...foldersBelow(files, path, depth - 1)])
}

function workspaceGlobs(files: ProjectFiles, root: string): readonly string[] {
  const pnpm = files.read(join(root, 'pnpm-workspace.yaml'))
  if (pnpm !== undefined) return pnpmGlobs(pnpm)
  return readPackageJson(files, root)?.workspaces ?? []
}

/** The list below `packages:`, one a line or in brackets. */
function pnpmGlobs(yaml: string): readonly string[] {
  const block = /^packages:[ \t]*(\[[^\]]*\]|(?:(?:#.*)?\r?\n[ \t]*(?:-.*|#.*)?)*)/m.exec(yaml)?.[1] ?? ''
  const items = block.startsWith('[') ? block.slice(1, -1).split(',') : block.split('\n')
  return items
    .map((item) =>
      item
        .replace(/^\s*-?\s*/, '')
        .replace(/\s+#.*$/, '')
        .trim(),
    )
    .map((item) => item.replace(/^(["'])(.*)\1$/, '$2'))
    .filter((item) => item !== '' && !item.startsWith('#'))
}

function membersOf(files: ProjectFiles, root: string, globs: readonly string[]): readonly string[] {
  const included = globs.filter((glob) => !glob.startsWith('!')).map(globPattern)
  const excluded = globs.filter((glob) => glob.startsWith('!')).map((glob) => globPattern(glob.slice(1)))
  const matches = (patterns: readonly RegExp[], path: string) =>
    patterns.some((pattern) => pattern.test(path))
  return everyFolder(files, root, 4).filter((folder) => {
    const path = relative(root, folder).split(sep).join('/')
    return (
      matches(included, path) &&
      !matches(excluded, path) &&
      files.kind(join(folder, 'package.json')) === 'file'
    )
  })
}

function everyFolder(files: ProjectFiles, root: string, depth: number): readonly string[] {
  if (depth === 0) return []
  return files
    .list(root)
    .filter((name) => name !== 'node_modules' && !name.startsWith('.'))
    .map((name) => join(root, name))
    .filter((path) => files.kind(path) === 'folder')
    .flatMap((path) => [path, ...everyFolder(files, path, depth - 1)])
}

function globPattern(glob: string): RegExp {
  const path = glob.replace(/^\.\//, '').replace(/\/$/, '')
  const parts = path.split(/(\*\*\/?|\*)/).map((part) => {
    if (part.startsWith('**')) return '.*'
    return part === '*' ? '[^/]*' : part.replace(/[.+?^${}()|[\]\\]/g, '\\$&')
  })
  return new RegExp(`^${parts.join('')}$`)
}

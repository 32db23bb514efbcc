import type { ProjectFiles } from '../../src/project/files.js'

/** Files in memory; paths are absolute. */
export function memoryFiles(tree: Readonly<Record<string, string>>): ProjectFiles {
  const paths = Object.keys(tree)
  const below = (folder: string) => paths.filter((path) => path.startsWith(`${folder.replace(/\/$/, '')}/`))
  return {
    read: (path) => tree[path],
    kind: (path) => (tree[path] !== undefined ? 'file' : below(path).length > 0 ? 'folder' : undefined),
    list: (path) =>
      [
        ...new Set(
          below(path).map((name) => name.slice(path.replace(/\/$/, '').length + 1).split('/')[0] ?? ''),
        ),
      ].sort(),
  }
}

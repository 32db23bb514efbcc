import { createTwoFilesPatch, FILE_HEADERS_ONLY } from 'diff'
import type { FileChange } from './apply.js'

/** The changes as a unified diff that `git apply` and `patch -p1` take. `shown`: the path as it is named in it. */
export function unifiedDiff(changes: readonly FileChange[], shown: (path: string) => string): string {
  return changes
    .map(({ path, mode, content, before }) => {
      const name = shown(path)
      const old = before === undefined ? '/dev/null' : `a/${name}`
      const text = mode === 'append' ? `${before ?? ''}${content}` : content
      return createTwoFilesPatch(old, `b/${name}`, before ?? '', text, undefined, undefined, {
        context: 3,
        headerOptions: FILE_HEADERS_ONLY,
      })
    })
    .join('')
}

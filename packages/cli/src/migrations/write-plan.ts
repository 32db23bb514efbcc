import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createTwoFilesPatch, FILE_HEADERS_ONLY } from 'diff'
import { OutboxError } from '@outboxkit/core'
import { applyChanges } from '../init/apply.js'
import type { MigrationProject, PlannedFile } from './generator.js'

/** The plan as a unified diff that `git apply` and `patch -p1` take. */
export function planDiff(project: MigrationProject, files: readonly PlannedFile[]): string {
  return files
    .map((file) => {
      const before = project.read(file.path)
      const after = file.mode === 'append' ? (before ?? '') + file.content : file.content
      const old = before === undefined ? '/dev/null' : `a/${file.path}`
      return createTwoFilesPatch(old, `b/${file.path}`, before ?? '', after, undefined, undefined, {
        context: 3,
        headerOptions: FILE_HEADERS_ONLY,
      })
    })
    .join('')
}

/**
 * Writes what is planned: all of it, or an error that says what is not. A file that was to be new and is there by now is
 * left alone. Throws `OUTBOX_MIGRATION_FAILED`.
 */
export function writePlan(project: MigrationProject, files: readonly PlannedFile[]): void {
  const edits = files.filter(({ mode }) => mode === 'edit')
  const others = files.flatMap(({ path, mode, content }) =>
    mode === 'edit' ? [] : [{ path: join(project.root, path), mode, content, before: project.read(path) }],
  )
  applyChanges(project.root, others)
  for (const { path, content } of edits)
    try {
      // In place, so that owner, mode and links of the file stay.
      writeFileSync(join(project.root, path), content)
    } catch (error) {
      throw new OutboxError(
        'OUTBOX_MIGRATION_FAILED',
        `${path} cannot be changed (${error instanceof Error ? error.message : String(error)}). Written before it: ${others.map((file) => file.path).join(', ') || 'nothing'}.`,
        { details: { path } },
      )
    }
}

import { randomBytes } from 'node:crypto'
import {
  accessSync,
  appendFileSync,
  constants,
  linkSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  realpathSync,
  rmdirSync,
  statSync,
  truncateSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs'
import { dirname, isAbsolute, join, relative, sep } from 'node:path'
import { OutboxError } from '@outboxkit/core'

/** One change of a project's files. */
export interface FileChange {
  /** Absolute. */
  readonly path: string
  /** `edit`: the file's content is replaced; only for what a tool has written itself. */
  readonly mode: 'create' | 'append' | 'edit'
  /** All of the file, or exactly what is appended. */
  readonly content: string
  /** What the file held when the change was planned; `undefined` for a new one. */
  readonly before: string | undefined
}

/**
 * Makes all changes, or none: what was done before a failure is taken back. Nothing outside of `root` is written, also
 * not through a symbolic link. Throws `OUTBOX_MIGRATION_FAILED`.
 */
export function applyChanges(root: string, changes: readonly FileChange[]): void {
  for (const change of changes) checkChange(root, change)
  const undo: (() => void)[] = []
  for (const change of changes)
    try {
      makeChange(change, undo)
    } catch (error) {
      throw failure(change, `${reasonOf(error)} ${undoAll(undo)}`)
    }
}

function makeChange(change: FileChange, undo: (() => void)[]): void {
  if (change.mode === 'create') createFile(change, undo)
  else if (change.mode === 'append') appendToFile(change, undo)
  else replaceFile(change, undo)
}

function undoAll(undo: readonly (() => void)[]): string {
  const failed = undo.toReversed().filter((step) => !succeeds(step))
  return failed.length === 0 ? 'Nothing was changed.' : 'Not all of the other changes could be taken back.'
}

function succeeds(step: () => void): boolean {
  try {
    step()
    return true
  } catch {
    return false
  }
}

function checkChange(root: string, change: FileChange): void {
  const { path, mode, before } = change
  const inside = relative(realpathSync(root), realPath(path))
  if (inside === '..' || inside.startsWith(`..${sep}`) || isAbsolute(inside))
    throw failure(change, 'It is outside of the project, or a link leads out of it. Nothing was changed.')
  if (mode === 'create') {
    if (isThere(path)) throw failure(change, 'It is there already. Nothing was changed.')
    return
  }
  try {
    accessSync(path, constants.R_OK | constants.W_OK)
  } catch (error) {
    throw failure(change, `${reasonOf(error)} Nothing was changed.`)
  }
  if (readFileSync(path, 'utf8') !== before)
    throw failure(change, 'It has changed in the meantime. Nothing was changed; run the command again.')
}

/** Complete under another name first: nobody sees half a file, and one that has appeared meanwhile is not replaced. */
function createFile({ path, content }: FileChange, undo: (() => void)[]): void {
  createFolders(dirname(path), undo)
  const temporary = join(dirname(path), `.outboxkit-${randomBytes(6).toString('hex')}.tmp`)
  writeFileSync(temporary, content, { flag: 'wx' })
  try {
    linkOrCopy(temporary, path, content)
  } finally {
    unlinkSync(temporary)
  }
  undo.push(() => unlinkSync(path))
}

function linkOrCopy(temporary: string, path: string, content: string): void {
  try {
    linkSync(temporary, path)
  } catch (error) {
    // Not every file system has links.
    if (!['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS'].includes(codeOf(error))) throw error
    writeFileSync(path, content, { flag: 'wx' })
  }
}

function createFolders(folder: string, undo: (() => void)[]): void {
  if (isThere(folder)) return
  createFolders(dirname(folder), undo)
  mkdirSync(folder)
  undo.push(() => rmdirSync(folder))
}

/** In place, so that owner, mode and links of the file stay. */
function appendToFile({ path, content }: FileChange, undo: (() => void)[]): void {
  const { size } = statSync(path)
  undo.push(() => truncateSync(path, size))
  appendFileSync(path, content)
}

function replaceFile({ path, content, before }: FileChange, undo: (() => void)[]): void {
  undo.push(() => writeFileSync(path, before ?? ''))
  writeFileSync(path, content)
}

/** Where a path leads that may not be there yet. */
function realPath(path: string): string {
  try {
    return realpathSync(path)
  } catch {
    return join(realPath(dirname(path)), path.slice(dirname(path).length))
  }
}

/** True also for a link that leads nowhere. */
function isThere(path: string): boolean {
  try {
    return lstatSync(path, { throwIfNoEntry: false }) !== undefined
  } catch (error) {
    if (codeOf(error) === 'ENOTDIR') return false
    throw error
  }
}

function failure({ path, mode }: FileChange, why: string): OutboxError {
  const what = { create: 'cannot be written', append: 'cannot be appended to', edit: 'cannot be changed' }[
    mode
  ]
  return new OutboxError('OUTBOX_MIGRATION_FAILED', `${path} ${what}. ${why}`, { details: { path } })
}

const reasons: Readonly<Record<string, string>> = {
  EACCES: 'This user may not write it.',
  EPERM: 'This user may not write it.',
  EROFS: 'The file system is read-only.',
  ENOSPC: 'The disk is full.',
  ENOTDIR: 'A part of the path is a file.',
  EEXIST: 'It is there already.',
}

const codeOf = (error: unknown): string => String((error as NodeJS.ErrnoException).code)

const reasonOf = (error: unknown): string =>
  reasons[codeOf(error)] ?? (error instanceof Error ? `${error.message}.` : String(error))

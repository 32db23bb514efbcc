import { createHash } from 'node:crypto'
import { posix } from 'node:path'
import type { OutboxSchema, OutboxTable } from '@outboxkit/core'
import type { MigrationProject } from '../generator.js'
import { schemasInTexts } from '../mark.js'
import { defaultFolder, migrationNames } from './generator.js'
import { splitStatements } from './text.js'

/** One migration in plain SQL, as it is on the disk. */
export interface SqlMigration {
  /** `0001_outbox` */
  readonly name: string
  /** sha256 of the file, line ends aside. */
  readonly checksum: string
  readonly up: readonly string[]
  /** `undefined`: there is no file for the way back. */
  readonly down: readonly string[] | undefined
  /** The schema after it, as its mark says; files that a person has added have none. */
  readonly schema: OutboxSchema | undefined
}

/** The migrations of one outbox, in order. Files without a mark belong to every outbox of the folder. */
export function readSqlMigrations(project: MigrationProject, table: OutboxTable): SqlMigration[] {
  const folder = project.out ?? defaultFolder
  return migrationNames(project).flatMap((name) => {
    const text = project.read(posix.join(folder, `${name}.up.sql`)) ?? ''
    const down = project.read(posix.join(folder, `${name}.down.sql`))
    const schemas = schemasInTexts(project.dialect, [text])
    const schema = schemas.find((candidate) => isSamePlace(candidate.table, table))
    if (schemas.length > 0 && schema === undefined) return []
    return [
      {
        name,
        checksum: checksumOf(text),
        up: splitStatements(text),
        down: down === undefined ? undefined : splitStatements(down),
        schema,
      },
    ]
  })
}

const isSamePlace = (one: OutboxTable, other: OutboxTable): boolean =>
  one.name === other.name && (one.schema ?? null) === (other.schema ?? null)

/** Git may have changed the line ends. */
const checksumOf = (text: string): string =>
  createHash('sha256').update(text.replaceAll('\r\n', '\n')).digest('hex')

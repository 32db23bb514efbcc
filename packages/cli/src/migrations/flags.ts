import { InvalidArgumentError, Option, type Command } from 'commander'
import {
  schemaParts,
  type Dialect,
  type OptionalPart,
  type PartitionedTable,
  type PayloadType,
} from '@outboxkit/core'
import type { MigrationTool } from '../config/resolved.js'
import type { GlobalFlags } from '../context.js'

/** What `outboxkit generate` takes. */
export interface GenerateFlags extends GlobalFlags {
  readonly tool?: MigrationTool
  readonly out?: string
  readonly dialect?: Dialect
  readonly with?: readonly OptionalPart[]
  readonly only?: 'inbox'
  readonly name?: string
  readonly schema?: string
  readonly payload?: PayloadType
  readonly uniqueId?: boolean
  readonly idType?: 'uuid' | 'text'
  readonly partitioned?: readonly PartitionedTable[]
  /** False: `--no-database`. */
  readonly database: boolean
  readonly dryRun?: boolean
  readonly roles?: boolean
  readonly appRole: string
  readonly relayRole: string
  readonly consumerRole: string
}

/** The options that say what the tables are. */
export function addGenerateOptions(command: Command): Command {
  return command
    .option('--with <parts>', 'besides the base schema: inbox, archive, deliver-at', toParts)
    .addOption(
      new Option('--only <part>', 'the inbox alone, for the database of a consumer').choices(['inbox']),
    )
    .addOption(
      new Option('--dialect <dialect>', 'without a configuration: of which database').choices([
        'postgres',
        'mysql',
      ]),
    )
    .option('--name <table>', 'name of the outbox table (default: outbox)')
    .option('--schema <schema>', 'schema (PostgreSQL) or database (MySQL) of the tables')
    .addOption(new Option('--payload <type>', 'how payloads are stored').choices(['json', 'bytes']))
    .option('--unique-id', 'a unique index on the event id')
    .addOption(new Option('--id-type <type>', 'type of the event id').choices(['uuid', 'text']))
    .option(
      '--partitioned <tables>',
      'PostgreSQL: which of outbox and archive are partitioned, or none (default: archive)',
      toPartitioned,
    )
}

function toParts(text: string): readonly OptionalPart[] {
  const optional = schemaParts.filter((part): part is OptionalPart => part !== 'base')
  return listOf(text, optional)
}

function toPartitioned(text: string): readonly PartitionedTable[] {
  return text === 'none' ? [] : listOf(text, ['outbox', 'archive'])
}

function listOf<Name extends string>(text: string, allowed: readonly Name[]): readonly Name[] {
  return text
    .split(',')
    .map((word) => word.trim())
    .filter((word) => word !== '')
    .map((word) => {
      const name = allowed.find((candidate) => candidate === word)
      if (name === undefined) throw new InvalidArgumentError(`Allowed are ${allowed.join(', ')}.`)
      return name
    })
}

import { resolve } from 'node:path'
import { resolveSchema } from '@outboxkit/core'
import type { CommandContext } from '../context.js'
import { openDatabase } from '../database/open.js'
import { applyChanges } from '../init/apply.js'
import type { GenerateFlags } from './flags.js'
import { schemaOf } from './found-tables.js'
import { withFound } from './generate.js'
import { readSchema } from './read-schema.js'
import { roleGrants, rolesText, type RoleGrants } from './roles.js'
import { migrationTargets, tableOf, type MigrationTarget } from './target.js'

/** Prints the GRANTs of each selected outbox, or writes them into a new file. Runs none of them. */
export async function runRoles(context: CommandContext, flags: GenerateFlags): Promise<void> {
  const output = context.output(flags)
  const { targets } = await migrationTargets(context, flags)
  const names = { application: flags.appRole, relay: flags.relayRole, consumer: flags.consumerRole }
  const texts: string[] = []
  for (const target of targets) {
    const roles = await grantsOf(target, names)
    output.data({ outbox: target.name, roles })
    texts.push(rolesText(roles))
  }
  const text = texts.join('\n')
  if (flags.out === undefined) {
    for (const line of text.trimEnd().split('\n')) output.line(line)
    return
  }
  const path = resolve(context.cwd, flags.out)
  applyChanges(context.cwd, [{ path, mode: 'create', content: text, before: undefined }])
  output.line(`created ${flags.out}`)
  output.line('Next: run it as the owner of the tables.')
}

/** Also for what is in the database beyond the options; without one, MySQL's rights and MariaDB's are the same but for one. */
async function grantsOf(
  { dialect, database: settings, options }: MigrationTarget,
  names: Parameters<typeof roleGrants>[2],
): Promise<readonly RoleGrants[]> {
  if (settings === undefined) return roleGrants(dialect, resolveSchema(dialect, options), names)
  const database = await openDatabase(settings, { connectTimeoutMs: 3_000 })
  try {
    const found = schemaOf(await readSchema(database, tableOf(options)))
    return roleGrants(database.flavour, resolveSchema(dialect, withFound(dialect, options, found)), names)
  } finally {
    await database.close()
  }
}

import { posix } from 'node:path'
import type { MigrationGenerator, MigrationProject, MigrationStep, Plan } from '../generator.js'
import { foundInTexts, markOf } from '../mark.js'
import { stepName, upStatements } from '../statements.js'
import { joinStatements } from './text.js'

export const defaultFolder = 'outbox-migrations'

/** Plain files, numbered, up and down; `outboxkit migrate` applies them. */
export const sqlGenerator: MigrationGenerator = {
  tool: 'sql',

  found(project, wanted) {
    const folder = project.out ?? defaultFolder
    const texts = migrationNames(project).map(
      (name) => project.read(posix.join(folder, `${name}.up.sql`)) ?? '',
    )
    return foundInTexts(project.dialect, texts, wanted)
  },

  plan(project, step): Plan {
    const folder = project.out ?? defaultFolder
    const last = migrationNames(project).at(-1)
    const number = last === undefined ? 1 : Number(/^\d+/.exec(last)?.[0]) + 1
    const name = `${String(number).padStart(4, '0')}_${stepName(step)}`
    return {
      files: [
        { path: posix.join(folder, `${name}.up.sql`), mode: 'create', content: upText(project, step) },
        {
          path: posix.join(folder, `${name}.down.sql`),
          mode: 'create',
          content: `-- Undoes ${name}.up.sql.\n\n${joinStatements(step.change.down)}`,
        },
      ],
      next: ['npx outboxkit migrate'],
    }
  },
}

/** Without `.up.sql`, sorted by number. */
export function migrationNames(project: Pick<MigrationProject, 'list' | 'out'>): string[] {
  return project
    .list(project.out ?? defaultFolder)
    .flatMap((file) => /^(\d+_.*)\.up\.sql$/.exec(file)?.[1] ?? [])
    .sort((one, other) => parseInt(one, 10) - parseInt(other, 10) || (one < other ? -1 : 1))
}

function upText(project: MigrationProject, step: MigrationStep): string {
  return [
    '-- Written by outboxkit generate. Do not edit once it has been applied.',
    `-- ${markOf(step.to)}`,
    '',
    joinStatements(upStatements(project.dialect, step)),
  ].join('\n')
}

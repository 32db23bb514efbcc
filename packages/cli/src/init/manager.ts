import type { PackageManager } from '../project/names.js'

const run: Readonly<Record<PackageManager, string>> = {
  npm: 'npx',
  pnpm: 'pnpm exec',
  yarn: 'yarn',
  bun: 'bunx',
}

const add: Readonly<Record<PackageManager, string>> = {
  npm: 'npm install',
  pnpm: 'pnpm add',
  yarn: 'yarn add',
  bun: 'bun add',
}

export function installCommand(manager: PackageManager, packages: readonly string[]): string {
  return `${add[manager]} ${packages.join(' ')}`
}

/** A command of npx as the project's own package manager runs it. */
export function withManager(manager: PackageManager, text: string): string {
  return text.replaceAll(/\bnpx (?!-)/g, `${run[manager]} `)
}

/** The ORM's commands in a text, with what they need to find their files. */
export function withFlags(text: string, flags: readonly string[]): string {
  if (flags.length === 0) return text
  const command =
    /\bnpx (prisma (?:migrate (?:dev|deploy)|db (?:push|execute)|generate)|drizzle-kit \w+|knex migrate:\w+)/g
  return text.replaceAll(command, (found) => [found, ...flags.map(shellWord)].join(' '))
}

/** Quoted where a shell would take it apart. */
export function shellWord(word: string): string {
  return /^[\w./:@=-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`
}

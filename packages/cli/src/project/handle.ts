import { extname, join } from 'node:path'
import { skipTo, withoutComments } from './code.js'
import type { ProjectFiles } from './files.js'
import type { Orm } from './names.js'

/** Where an application makes its database handle. */
export interface Handle {
  readonly file: string
  /** From 1. */
  readonly line: number
  /** The expression, on one line; `undefined` when it spans several. */
  readonly expression: string | undefined
  /** What stands before it, if that is the declaration of a variable: `export const db = `. */
  readonly declaration: string | undefined
  /** The variable's name. */
  readonly name: string | undefined
}

const makes: Readonly<Record<Orm, RegExp>> = {
  prisma: /\bnew PrismaClient\s*\(/,
  drizzle: /(?<![\w.])drizzle\s*(?:<[^>]*>)?\s*\(/,
  knex: /(?<![\w.])(?:(?:knex\.)?[kK]nex(?:\.knex)?\s*(?:<[^>]*>)?|require\(\s*['"]knex['"]\s*\))\s*\(/,
}

const imports: Readonly<Record<Orm, RegExp>> = {
  prisma: /PrismaClient/,
  drizzle: /['"]drizzle-orm/,
  knex: /['"]knex['"]/,
}

/** Looks through at most this many files: a help, not worth waiting for. */
const limit = 2_000

/** The first place outside of tests where the ORM's handle is made. */
export function findHandle(files: ProjectFiles, folder: string, orm: Orm): Handle | undefined {
  let seen = 0
  for (const path of sourceFiles(files, folder)) {
    seen += 1
    if (seen > limit) return undefined
    const text = files.read(path) ?? ''
    if (text.length > 200_000 || !imports[orm].test(text)) continue
    const code = withoutComments(text)
    const found = makes[orm].exec(code)
    if (found === null || /\bwithOutbox\b/.test(code)) continue
    const before = code.slice(0, found.index).split('\n')
    const [declaration, name] =
      /^\s*((?:export\s+)?(?:const|let|var)\s+([\w$]+)\s*(?::[^=]+)?=\s*)$/
        .exec(before.at(-1) ?? '')
        ?.slice(1) ?? []
    return {
      file: path,
      line: before.length,
      expression: expressionAt(code, found.index, found.index + found[0].length),
      declaration,
      name,
    }
  }
  return undefined
}

const skipped = /^(node_modules|dist|build|out|coverage|migrations|generated|__tests__|tests?|e2e|\..*)$/

function* sourceFiles(files: ProjectFiles, folder: string, depth = 6): Generator<string> {
  const folders: string[] = []
  for (const name of files.list(folder)) {
    const path = join(folder, name)
    const isSource = /^\.[cm]?[jt]sx?$/.test(extname(name)) && !/\.(test|spec|config|d)\.\w+$/.test(name)
    if (skipped.test(name) || /^(knexfile|seed)\./.test(name)) continue
    if (isSource) yield path
    else if (extname(name) === '' && depth > 0) folders.push(path)
  }
  for (const path of folders) yield* sourceFiles(files, path, depth - 1)
}

/** From `start` to the bracket that closes the one before `inside`. */
function expressionAt(code: string, start: number, inside: number): string | undefined {
  const text = code.slice(start, skipTo(code, inside, ')') + 1)
  return text.includes('\n') ? undefined : text
}

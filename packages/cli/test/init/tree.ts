import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

/** Path → text of every file below a folder but node_modules. */
export type Tree = Readonly<Record<string, string>>

export function readTree(folder: string): Tree {
  if (!existsSync(folder)) return {}
  const paths = readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
    .filter((path) => !path.startsWith('node_modules'))
    .sort()
  return Object.fromEntries(paths.map((path) => [path, readFileSync(join(folder, path), 'utf8')]))
}

export function writeTree(folder: string, tree: Tree): void {
  for (const [path, text] of Object.entries(tree)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true })
    writeFileSync(join(folder, path), text)
  }
}

export function replaceTree(folder: string, tree: Tree): void {
  rmSync(folder, { recursive: true, force: true })
  writeTree(folder, tree)
}

/**
 * What a configuration imports, as if it were installed: the real one would be compiled anew in each test. The
 * newcomer has the real one.
 */
export function installCommand(folder: string): void {
  const define = 'defineConfig = (config) => config'
  writeTree(join(folder, 'node_modules/outboxkit'), {
    'package.json': JSON.stringify({ exports: { import: './index.mjs', require: './index.cjs' } }),
    'index.mjs': `export const ${define}\n`,
    'index.cjs': `exports.${define}\n`,
  })
}

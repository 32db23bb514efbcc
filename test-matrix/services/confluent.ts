import { copyFileSync, cpSync, existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { cached, cacheFolder, withProgress } from './cache.js'
import { npmPackage } from './npm-package.js'
import { run } from './run.js'

const name = '@confluentinc/kafka-javascript'
export const confluentVersion = '1.10.1'
const nodeGypVersion = '11.5.0'

/** A native part is for one kind of Node.js. */
const entry = `confluent/${confluentVersion}-node${process.versions.modules}`

/**
 * The Kafka client on librdkafka, with its native part, for the Node.js that runs this; returns the address to
 * import. Its install script would download that part, or build it with further downloads; here it is built from
 * the sources in the package, once, into the cache: some two minutes on two cores. That takes a C++ compiler, make,
 * Python, and the development files of OpenSSL and zlib (Debian: g++ make python3 libssl-dev zlib1g-dev).
 */
export async function confluentModule(): Promise<string> {
  const folder = await cached(entry, (partial) =>
    withProgress(`Building ${name}@${confluentVersion} (two minutes)`, () => build(partial)),
  )
  return moduleIn(folder)
}

/** The address to import, when it has been built before. */
export function builtConfluentModule(): string | undefined {
  const folder = join(cacheFolder(), entry)
  return existsSync(folder) ? moduleIn(folder) : undefined
}

function moduleIn(folder: string): string {
  return pathToFileURL(join(folder, 'node_modules', name, 'lib', 'index.js')).href
}

async function build(folder: string): Promise<void> {
  const [home, gyp] = await Promise.all([
    npmPackage(name, confluentVersion),
    npmPackage('node-gyp', nodeGypVersion),
  ])
  // With its dependencies, which lie beside it.
  const modules = join(folder, 'node_modules')
  cpSync(join(home, '..', '..'), modules, { recursive: true })
  const client = join(modules, name)
  const librdkafka = join(client, 'deps', 'librdkafka')
  const jobs = `-j${availableParallelism()}`
  await run('./configure', ['--disable-gssapi', '--disable-lz4-ext', '--disable-curl', '--enable-static'], {
    cwd: librdkafka,
  })
  await run('make', [jobs, 'libs'], { cwd: librdkafka })
  await run(
    process.execPath,
    [join(gyp, 'bin', 'node-gyp.js'), 'rebuild', jobs, `--nodedir=${await headers()}`],
    {
      cwd: client,
      env: { ...process.env, BUILD_LIBRDKAFKA: '0', ...flags(librdkafka, folder) },
    },
  )
}

/**
 * The package's own way of linking a librdkafka of the system, pointed at the one in the package. OpenSSL becomes
 * part of it and stays invisible, or Node's own OpenSSL would be called instead.
 */
function flags(librdkafka: string, folder: string): Record<string, string> {
  const libraries = join(folder, 'libraries')
  mkdirSync(libraries)
  copyFileSync(join(librdkafka, 'src', 'librdkafka.a'), join(libraries, 'librdkafka-c.a'))
  copyFileSync(join(librdkafka, 'src-cpp', 'librdkafka++.a'), join(libraries, 'librdkafka-cpp.a'))
  // What the linker takes for libraries are lists of others.
  const list = (names: string): string => `GROUP ( ${names} )\n`
  writeFileSync(join(libraries, 'librdkafka.so'), list('-lrdkafka-c -l:libssl.a -l:libcrypto.a -lz -lm -ldl'))
  writeFileSync(join(libraries, 'librdkafka++.so'), list('-lrdkafka-cpp'))
  return {
    CXXFLAGS: `-I${join(librdkafka, 'src')} -I${join(librdkafka, 'src-cpp')}`,
    LDFLAGS: `-L${libraries} -Wl,--exclude-libs,ALL -Wl,-Bsymbolic`,
  }
}

/** The headers of this Node.js: installed with it, or from the package of the same version. */
async function headers(): Promise<string> {
  const installed = join(dirname(process.execPath), '..')
  if (existsSync(join(installed, 'include', 'node', 'node_api.h'))) return installed
  return npmPackage(`node-${process.platform}-${process.arch}`, process.versions.node)
}

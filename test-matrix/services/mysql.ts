import { containersWanted } from './docker.js'
import { startMysqlContainer } from './mysql-docker.js'
import { mariadbFlavours, mysqlFlavours } from './mysql-flavours.js'
import type { MysqlFlavour } from './mysql-flavours.js'
import { fetchLocalMysql, startLocalMysql } from './mysql-local.js'
import type { MariadbVersion, MysqlOptions, MysqlServer, MysqlSettings, MysqlVersion } from './server.js'

export const mysqlVersions = Object.keys(mysqlFlavours) as MysqlVersion[]
export const mariadbVersions = Object.keys(mariadbFlavours) as MariadbVersion[]

/** A MySQL server of its own, on a free port, ready for clients. */
export function startMysql(options: MysqlOptions<MysqlVersion> = {}): Promise<MysqlServer> {
  return start(mysqlFlavours[options.version ?? '9.7'], options.settings)
}

/** A MariaDB server of its own, on a free port, ready for clients. */
export function startMariadb(options: MysqlOptions<MariadbVersion> = {}): Promise<MysqlServer> {
  return start(mariadbFlavours[options.version ?? '11.8'], options.settings)
}

export const fetchMysql = (version: MysqlVersion): Promise<void> => fetchLocalMysql(mysqlFlavours[version])
export const fetchMariadb = (version: MariadbVersion): Promise<void> =>
  fetchLocalMysql(mariadbFlavours[version])

async function start(flavour: MysqlFlavour, settings: MysqlSettings = {}): Promise<MysqlServer> {
  return (await containersWanted())
    ? startMysqlContainer(flavour, settings)
    : startLocalMysql(flavour, settings)
}

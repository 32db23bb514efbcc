import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { userInfo } from 'node:os'
import { join } from 'node:path'
import { cached, withProgress } from './cache.js'
import type { MysqlFiles } from './mysql-files.js'
import { titleOf } from './mysql-flavours.js'
import type { MysqlFlavour } from './mysql-flavours.js'
import { asArguments, mysqlDefaults } from './mysql-settings.js'
import { run } from './run.js'
import { serverFolder } from './server-process.js'
import type { User } from './server-process.js'

/** The data folder of a new server, made once: that takes seconds, a copy of it a fraction of one. */
export async function emptyData(
  flavour: MysqlFlavour,
  files: MysqlFiles,
  user: User | undefined,
): Promise<string> {
  const name = `${flavour.kind}-data-${files.version}-${user?.uid ?? userInfo().uid}`
  const folder = await cached(name, async (partial) => {
    const work = serverFolder('initialise')
    try {
      const data = join(work.path, 'data')
      mkdirSync(data, { mode: 0o750 })
      const initialise = flavour.kind === 'mysql' ? initialiseMysql : initialiseMariadb
      await withProgress(`Preparing the data of ${titleOf(flavour)}`, () =>
        initialise(files, work.path, data, user),
      )
      await run('cp', ['-a', data, join(partial, 'data')])
    } finally {
      work.remove()
    }
  })
  return join(folder, 'data')
}

/** Root comes from anywhere, that is through 127.0.0.1, without a password. */
async function initialiseMysql(
  files: MysqlFiles,
  work: string,
  data: string,
  user: User | undefined,
): Promise<void> {
  const accounts = join(work, 'accounts.sql')
  writeFileSync(
    accounts,
    `create user root@'%' identified by '';\ngrant all on *.* to root@'%' with grant option;\ncreate database test;\n`,
  )
  await give(user, work)
  const own = {
    datadir: data,
    init_file: accounts,
    innodb_use_native_aio: 'OFF',
    loose_innodb_redo_log_capacity: '64M',
  }
  await run(files.command, [...files.args, '--initialize-insecure', ...asArguments(own)], {
    cwd: work,
    ...user,
  })
  // The server's own id: each copy makes one for itself.
  rmSync(join(data, 'auto.cnf'), { force: true })
}

/** What mariadb-install-db does, a shell script that looks for an installed server. */
async function initialiseMariadb(
  files: MysqlFiles,
  work: string,
  data: string,
  user: User | undefined,
): Promise<void> {
  const { innodb_log_file_size } = mysqlDefaults('mariadb')
  const own = {
    datadir: data,
    tmpdir: work,
    innodb_use_native_aio: 'OFF',
    innodb_log_file_size: innodb_log_file_size ?? '64M',
    log_warnings: 0,
    enforce_storage_engine: '',
    max_allowed_packet: '8M',
    skip_networking: 'ON',
  }
  const script = (...names: readonly string[]): string => {
    const file = names.map((name) => join(files.share, name)).find((path) => existsSync(path))
    if (file === undefined) throw new Error(`no ${names.join(' or ')} in ${files.share}`)
    return readFileSync(file, 'utf8')
  }
  const rows = script('mariadb_system_tables_data.sql', 'mysql_system_tables_data.sql')
  const input = [
    'create database if not exists mysql;',
    'use mysql;',
    'set @auth_root_socket = null;',
    'set @skip_auth_anonymous = null;',
    script('mariadb_system_tables.sql', 'mysql_system_tables.sql'),
    script('mariadb_performance_tables.sql', 'mysql_performance_tables.sql'),
    ...rows.split('\n').filter((line) => !line.includes('@current_hostname')),
    "insert into global_priv select '%', 'root', priv from global_priv where host = 'localhost' and user = 'root';",
    "delete from global_priv where user = '';",
    'create database if not exists test character set utf8mb4;',
    '',
  ].join('\n')
  await give(user, work)
  await run(files.command, [...files.args, '--bootstrap', ...asArguments(own)], { cwd: work, input, ...user })
}

async function give(user: User | undefined, folder: string): Promise<void> {
  if (user) await run('chown', ['-R', `${user.uid}:${user.gid}`, folder])
}

import type { MysqlFlavour } from './mysql-flavours.js'
import type { MysqlSettings } from './server.js'

/**
 * As servers run out there, binary log included, but small, and nothing is synced to the disk: a committed row
 * survives kill -9 of the server, not a power cut. `loose_`: where the version has it.
 */
const common: MysqlSettings = {
  max_connections: 300,
  server_id: 1,
  log_bin: 'binlog',
  sync_binlog: 0,
  innodb_flush_log_at_trx_commit: 2,
  innodb_doublewrite: 'OFF',
  innodb_buffer_pool_size: '64M',
  innodb_use_native_aio: 'OFF',
  character_set_server: 'utf8mb4',
  skip_name_resolve: 'ON',
}

const own: Record<MysqlFlavour['kind'], MysqlSettings> = {
  mysql: {
    gtid_mode: 'ON',
    enforce_gtid_consistency: 'ON',
    mysqlx: 'OFF',
    // From 100 MB on; the older name is for versions before 8.0.30.
    loose_innodb_redo_log_capacity: '64M',
    // The default of 4000 makes performance_schema, which is on, reserve more for it than all else together.
    table_open_cache: 1000,
    table_definition_cache: 800,
  },
  mariadb: { innodb_log_file_size: '64M' },
}

export const mysqlDefaults = (kind: MysqlFlavour['kind']): MysqlSettings => ({ ...common, ...own[kind] })

export const asArguments = (settings: MysqlSettings): string[] =>
  Object.entries(settings).map(([name, value]) => `--${name.replaceAll('_', '-')}=${value}`)

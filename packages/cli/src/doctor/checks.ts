/** Every check with what it is about, in the order in which findings are shown. Each is a heading of docs/doctor.md. */
export const checks = {
  // is anybody there
  'database-reachable': 'Reaching the database',
  'other-server': 'Kind of server',
  'server-version': 'Version of the server',
  replica: 'Primary or replica',
  galera: 'Galera cluster',
  'group-replication': 'Group replication',
  pooler: 'Pooler between relay and database',
  'database-tls': 'Encryption to the database',
  connections: 'Connections that are left',
  clock: 'Clocks of this machine and the database',
  // may the relay do what it has to
  tables: 'Tables',
  privileges: 'Rights of the relay',
  archive: 'Archive of published events',
  'row-level-security': 'Row-level security',
  superuser: 'Superuser',
  // can rows be read in order
  columns: 'Columns of the outbox',
  'table-drift': 'Tables as they were generated',
  'schema-version': 'Version of the tables',
  engine: 'Storage engine',
  'position-index': 'Index on position',
  sequence: 'Sequence of positions',
  'sequence-cache': 'Cache of the sequence',
  'sequence-direction': 'Direction of the sequence',
  'sequence-cycle': 'Cycle of the sequence',
  'sequence-range': 'Positions that are left',
  'auto-increment': 'Step of auto_increment',
  subscription: 'Logical replication into the outbox',
  partitions: 'Partitions of the outbox',
  witness: 'Seeing who is inserting',
  // is committed really committed
  fsync: 'fsync',
  'full-page-writes': 'full_page_writes',
  'synchronous-commit': 'synchronous_commit',
  'innodb-flush': 'innodb_flush_log_at_trx_commit',
  'sync-binlog': 'sync_binlog',
  doublewrite: 'innodb_doublewrite',
  // does the server stay fast, and keep what is needed
  autovacuum: 'Autovacuum of our tables',
  'old-transactions': 'Transactions that stay open',
  'prepared-transactions': 'Prepared transactions',
  'old-snapshots': 'Rows kept by replicas and slots',
  'left-over-slots': 'Left-over replication slots',
  'purge-lag': 'Purge of old row versions',
  'sql-mode': 'sql_mode',
  'max-allowed-packet': 'max_allowed_packet',
  'time-outs': 'Time-outs of the server',
  'log-source': 'Write-ahead log, for a log source',
  'binlog-format': 'Binary log, for a log source',
  // how is the outbox doing
  lease: 'Owner of the outbox',
  held: 'Held events',
  backlog: 'Age of the backlog',
  // Kafka
  brokers: 'Reaching the brokers',
  'kafka-tls': 'Encryption to Kafka',
  topics: 'Topics',
  'topic-leaders': 'Leaders and in-sync replicas',
  'topic-partitions': 'Number of partitions',
  'replication-factor': 'Replication factor',
  'min-insync-replicas': 'min.insync.replicas',
  'unclean-leader-election': 'unclean.leader.election.enable',
  'message-size': 'Size of messages',
  'cleanup-policy': 'cleanup.policy',
  retention: 'Retention',
  'topic-creation': 'Topics created by themselves',
} as const

export type CheckId = keyof typeof checks

export function isCheck(name: string): name is CheckId {
  return Object.hasOwn(checks, name)
}

/** Every check with what it is about, in the order in which findings are shown. Each is a heading of docs/doctor.md. */
export const checks = {
  // is anybody there
  'database-reachable': 'The database answers',
  'other-server': 'The kind of server',
  'server-version': 'The version of the server',
  replica: 'The server is a primary',
  galera: 'One node writes',
  'group-replication': 'One primary writes',
  pooler: 'No pooler between',
  'database-tls': 'The connection is encrypted',
  connections: 'Connections are left',
  clock: 'Clocks agree',
  // may the relay do what it has to
  tables: 'The tables are there',
  privileges: 'The rights of the relay',
  'row-level-security': 'No policy hides rows',
  superuser: 'The relay is no superuser',
  // can rows be read in order
  columns: 'The columns of the outbox',
  'table-drift': 'The tables are as generated',
  'schema-version': 'The version of the tables',
  engine: 'The storage engine',
  'position-index': 'The index on position',
  sequence: 'Positions come from a sequence',
  'sequence-cache': 'The cache of the sequence',
  'sequence-direction': 'The sequence counts up',
  'sequence-cycle': 'The sequence does not start again',
  'sequence-range': 'Positions are left',
  'auto-increment': 'The step of auto_increment',
  subscription: 'Rows are written here',
  partitions: 'Every position has a partition',
  witness: 'Who is inserting can be named',
  // is committed really committed
  fsync: 'fsync',
  'full-page-writes': 'full_page_writes',
  'synchronous-commit': 'synchronous_commit',
  'innodb-flush': 'innodb_flush_log_at_trx_commit',
  'sync-binlog': 'sync_binlog',
  doublewrite: 'innodb_doublewrite',
  // does the server stay fast, and keep what is needed
  autovacuum: 'Autovacuum cleans our tables',
  'old-transactions': 'No old transaction',
  'prepared-transactions': 'No forgotten prepared transaction',
  'old-snapshots': 'No replica or slot keeps old rows',
  'left-over-slots': 'No left-over replication slot',
  'purge-lag': 'Old row versions are purged',
  'sql-mode': 'sql_mode is strict',
  'max-allowed-packet': 'max_allowed_packet',
  'time-outs': 'Time-outs of the server',
  'log-source': 'The write-ahead log, for a log source',
  'binlog-format': 'The format of the binary log',
  // how is the outbox doing
  lease: 'A relay owns the outbox',
  held: 'No event is held',
  backlog: 'The backlog is young',
  // Kafka
  brokers: 'Every broker answers',
  'kafka-tls': 'Kafka is reached encrypted',
  topics: 'The topics exist',
  'topic-leaders': 'Partitions have leaders and in-sync replicas',
  'topic-partitions': 'The topics have several partitions',
  'replication-factor': 'The replication factor',
  'min-insync-replicas': 'min.insync.replicas',
  'unclean-leader-election': 'unclean.leader.election.enable',
  'message-size': 'The largest event fits',
  'cleanup-policy': 'cleanup.policy',
  retention: 'Retention',
  'topic-creation': 'Brokers create no topics by themselves',
} as const

export type CheckId = keyof typeof checks

export function isCheck(name: string): name is CheckId {
  return Object.hasOwn(checks, name)
}

/** Nothing is synced to the disk: a committed row survives kill -9 of the server, not a power cut. */
export const postgresDefaults = {
  wal_level: 'logical',
  max_wal_senders: 20,
  max_replication_slots: 20,
  max_prepared_transactions: 20,
  max_connections: 300,
  shared_buffers: '64MB',
  fsync: 'off',
  full_page_writes: 'off',
  log_min_messages: 'warning',
  wal_sender_timeout: '10s',
} as const

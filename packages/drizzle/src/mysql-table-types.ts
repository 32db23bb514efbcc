import type { customType, datetime, int, mysqlTable } from 'drizzle-orm/mysql-core'

// Written with what Drizzle's functions return, for the reason given in pg-table-types.ts.
type NotNull<Builder extends { notNull(): unknown }> = ReturnType<Builder['notNull']>
type Default<Builder extends { default(value: never): unknown }> = ReturnType<Builder['default']>
type PrimaryKey<Builder extends { primaryKey(): unknown }> = ReturnType<Builder['primaryKey']>
type Text = ReturnType<ReturnType<typeof customType<{ data: string; driverData: string }>>>
type Bytes = ReturnType<ReturnType<typeof customType<{ data: Uint8Array; driverData: Uint8Array }>>>
type Moment = ReturnType<typeof datetime>
type Integer = ReturnType<typeof int>

// What stands inside `typeof` below is exported: a bundler of declarations would overlook it.
type EventColumns<Payload> = {
  id: NotNull<Text>
  aggregateType: NotNull<Text>
  aggregateId: Text
  type: NotNull<Text>
  /** JSON text, exactly as it was written: MySQL's JSON type would change it. */
  payload: Payload
  headers: Text
  topic: Text
  createdAt: Default<NotNull<Moment>>
}

type OutboxColumns<Payload> = EventColumns<Payload> & {
  position: ReturnType<PrimaryKey<Integer>['autoincrement']>
}

type HeldColumns<Payload> = EventColumns<Payload> & {
  position: PrimaryKey<Integer>
  scopeKind: NotNull<Text>
  scope: NotNull<Text>
  code: NotNull<Text>
  reason: NotNull<Text>
  attempts: Default<NotNull<Integer>>
  notBefore: Moment
  heldAt: Default<NotNull<Moment>>
  request: Text
}

type ArchiveColumns<Payload> = EventColumns<Payload> & {
  position: NotNull<Integer>
  publishedAt: Default<NotNull<Moment>>
  outcome: Default<NotNull<Text>>
}

export type MySqlOutboxColumns = OutboxColumns<Text>
export type MySqlHeldColumns = HeldColumns<Text>

export type MySqlInboxColumns = {
  consumer: NotNull<Text>
  id: NotNull<Text>
  claimedAt: Default<NotNull<Moment>>
}

export type MySqlLeaseColumns = {
  id: PrimaryKey<Integer>
  owner: Text
  epoch: Default<NotNull<Integer>>
  renewals: Default<NotNull<Integer>>
  expiresAt: Moment
  fingerprint: Text
  logPosition: Text
  suspicion: Text
  lastError: Text
  lastErrorAt: Moment
  schemaVersion: Default<NotNull<Integer>>
}

// All that occur below: what Drizzle itself asks for is called differently from version to version.
type AnyBuilder =
  | Text
  | NotNull<Text>
  | Default<NotNull<Text>>
  | Bytes
  | Moment
  | Default<NotNull<Moment>>
  | Integer
  | NotNull<Integer>
  | PrimaryKey<Integer>
  | Default<NotNull<Integer>>
  | ReturnType<PrimaryKey<Integer>['autoincrement']>
type ColumnMap = Record<string, AnyBuilder>
type TableOf<Columns extends ColumnMap> = ReturnType<typeof mysqlTable<string, Columns>>

export type MySqlOutboxTable = TableOf<MySqlOutboxColumns>
export type MySqlHeldTable = TableOf<MySqlHeldColumns>
export type MySqlLeaseTable = TableOf<MySqlLeaseColumns>
export type MySqlInboxTable = TableOf<MySqlInboxColumns>

type PayloadOf<Payload> = [Payload] extends ['bytes'] ? Bytes : Text
type Later<Columns extends ColumnMap, Parts> = 'deliver-at' extends Parts
  ? TableOf<Columns & { deliverAt: Moment }>
  : TableOf<Columns>

/**
 * The tables of Outboxkit; the relay needs the first three. `Parts`: what was asked for `with`. `Payload`: `json` or
 * `bytes`.
 */
export type MySqlOutboxTables<Payload = 'json', Parts = never> = {
  readonly outbox: Later<OutboxColumns<PayloadOf<Payload>>, Parts>
  readonly outboxLease: MySqlLeaseTable
  readonly outboxHeld: Later<HeldColumns<PayloadOf<Payload>>, Parts>
} & ('archive' extends Parts
  ? { readonly outboxArchive: Later<ArchiveColumns<PayloadOf<Payload>>, Parts> }
  : unknown) &
  ('inbox' extends Parts ? { readonly outboxInbox: MySqlInboxTable } : unknown)

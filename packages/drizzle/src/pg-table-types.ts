import type { customType, integer, json, pgTable, timestamp, uuid } from 'drizzle-orm/pg-core'

// The types are written with what Drizzle's functions return, because the classes behind them differ from
// version to version, and our declarations have to be right with each one.
type NotNull<Builder extends { notNull(): unknown }> = ReturnType<Builder['notNull']>
type Default<Builder extends { default(value: never): unknown }> = ReturnType<Builder['default']>
type PrimaryKey<Builder extends { primaryKey(): unknown }> = ReturnType<Builder['primaryKey']>
type Text = ReturnType<ReturnType<typeof customType<{ data: string; driverData: string }>>>
type Json = ReturnType<typeof json>
type Bytes = ReturnType<ReturnType<typeof customType<{ data: Uint8Array; driverData: Uint8Array }>>>
type Moment = ReturnType<typeof timestamp>
// A bigint that is read as a number, as everywhere in Outboxkit.
type Integer = ReturnType<typeof integer>

type EventColumns<Payload> = {
  id: NotNull<ReturnType<typeof uuid>>
  aggregateType: NotNull<Text>
  aggregateId: Text
  type: NotNull<Text>
  payload: Payload
  headers: Json
  topic: Text
  createdAt: Default<NotNull<Moment>>
}

type OutboxColumns<Payload> = EventColumns<Payload> & {
  position: ReturnType<PrimaryKey<Integer>['generatedAlwaysAsIdentity']>
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

type InboxColumns = {
  consumer: NotNull<Text>
  id: NotNull<ReturnType<typeof uuid>>
  claimedAt: Default<NotNull<Moment>>
}

type LeaseColumns = {
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

// Its last overload takes the columns, or a function that gives them.
type ColumnMap = MapOf<Parameters<typeof pgTable>[1]>
type MapOf<Columns> = Columns extends (...types: never[]) => infer Result ? Result : Columns
// Only its parameter stands inside `typeof`: what bundles the declarations overlooks other names there.
type TableOf<Columns extends ColumnMap> = ReturnType<typeof pgTable<string, Columns>>

export type PgOutboxTable = TableOf<OutboxColumns<Json>>
export type PgOutboxBytesTable = TableOf<OutboxColumns<Bytes>>
export type PgHeldTable = TableOf<HeldColumns<Json>>
export type PgHeldBytesTable = TableOf<HeldColumns<Bytes>>
export type PgLeaseTable = TableOf<LeaseColumns>
export type PgInboxTable = TableOf<InboxColumns>

type PayloadOf<Payload> = [Payload] extends ['bytes'] ? Bytes : Json
type Later<Columns extends ColumnMap, Parts> = 'deliver-at' extends Parts
  ? TableOf<Columns & { deliverAt: Moment }>
  : TableOf<Columns>

/**
 * The tables of Outboxkit; the relay needs the first three. `Parts`: what was asked for `with`. `Payload`: `json` or
 * `bytes`.
 */
export type PgOutboxTables<Payload = 'json', Parts = never> = {
  readonly outbox: Later<OutboxColumns<PayloadOf<Payload>>, Parts>
  readonly outboxLease: PgLeaseTable
  readonly outboxHeld: Later<HeldColumns<PayloadOf<Payload>>, Parts>
} & ('archive' extends Parts
  ? { readonly outboxArchive: Later<ArchiveColumns<PayloadOf<Payload>>, Parts> }
  : unknown) &
  ('inbox' extends Parts ? { readonly outboxInbox: PgInboxTable } : unknown)

/** {@link PgOutboxTables} with payloads as bytes. */
export type PgOutboxBytesTables = PgOutboxTables<'bytes'>

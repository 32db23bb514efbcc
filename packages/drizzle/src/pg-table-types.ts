import type { TableOptions } from '@outboxkit/core'
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

type LeaseColumns = {
  id: PrimaryKey<Integer>
  owner: Text
  epoch: Default<NotNull<Integer>>
  renewals: Default<NotNull<Integer>>
  expiresAt: Moment
  fingerprint: Text
  logPosition: Text
  suspicion: Text
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

export type BytesOptions = TableOptions & { readonly payload: 'bytes' }

/** The tables of Outboxkit; the relay needs all of them. */
export interface PgOutboxTables {
  readonly outbox: PgOutboxTable
  readonly outboxLease: PgLeaseTable
  readonly outboxHeld: PgHeldTable
}

/** {@link PgOutboxTables} with payloads as bytes. */
export interface PgOutboxBytesTables {
  readonly outbox: PgOutboxBytesTable
  readonly outboxLease: PgLeaseTable
  readonly outboxHeld: PgHeldBytesTable
}

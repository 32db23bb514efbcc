import type { LedgerPlace } from '../ledger.js'

export interface SqlConnection {
  /** Values stand for the placeholders that the database's own driver knows. Large integers come as text. */
  query<Row extends object = Record<string, unknown>>(
    text: string,
    values?: readonly unknown[],
  ): Promise<Row[]>
  end(): Promise<void>
}

/** The ledger on one kind of database, written and read with plain SQL and the database's own driver. */
export interface LedgerDatabase {
  connect(url: string, name: string): Promise<SqlConnection>
  /** The ledger's tables and triggers, one statement each. The outbox must exist already. */
  createLedgerSql(place: LedgerPlace): string[]
  /** One row per aggregate, so that writers lock and never insert them. */
  createAggregatesSql(place: LedgerPlace, ids: readonly string[]): { text: string; values: unknown[] }
  /** Selects {@link LedgerTableRow}s, by aggregate and number. */
  selectLedgerSql(place: LedgerPlace): string
  /** Selects what is still in the relay's tables, as {@link LeftRow}s. */
  selectLeftSql(place: LedgerPlace): string
}

export interface LedgerTableRow {
  readonly event_id: string
  readonly orm: string
  readonly aggregate_type: string
  readonly aggregate_id: string
  readonly seq: string | number
  readonly type: string
  readonly payload: string
  readonly headers: string
  readonly topic: string | null
  readonly position: string | number | null
  /** As `ce_time` has it. */
  readonly created_at: string | null
}

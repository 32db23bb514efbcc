import type { DatabaseName } from './options.js'

/** What the benches need of a database; every statement that differs between them is behind it. */
export interface BenchDatabase {
  readonly name: DatabaseName
  readonly version: string
  /** Of a database of the bench's own, with the outbox tables and `bench_orders` in it. */
  readonly url: string
  /** Puts `count` events with a payload of `bytes` bytes and 1,000 keys into the outbox, as if just committed. */
  fill(count: number, bytes: number): Promise<void>
  /** Rows in the outbox. */
  count(): Promise<number>
  /** Empties all tables. */
  empty(): Promise<void>
  /** A snapshot from before all that follows, in another session, until the result is called. */
  holdSnapshot(): Promise<() => Promise<void>>
  end(): Promise<void>
}

/** JSON of exactly `bytes` bytes with a number in it. `concat` and `number` are SQL of the database. */
export function payloadSql(
  bytes: number,
  join: (parts: readonly string[]) => string,
  number: string,
): string {
  // {"number":"000000001","text":"xxx…"}
  const fixed = '{"number":"","text":""}'.length + 9
  const text = 'x'.repeat(16)
  return join([
    `'{"number":"'`,
    `lpad(${number}, 9, '0')`,
    `'","text":"'`,
    `rpad('', ${Math.max(0, bytes - fixed)}, '${text}')`,
    `'"}'`,
  ])
}

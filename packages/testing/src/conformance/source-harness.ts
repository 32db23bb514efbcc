import type { StoredEvent } from '@outboxkit/core'
import type { Source } from '@outboxkit/relay'
import { expect } from 'vitest'

/** Options of a source that the suite turns. */
export interface SourceTuning {
  readonly maxBatchEvents?: number
  readonly maxBatchBytes?: number
  readonly noteIntervalMs?: number
  readonly sweepIntervalMs?: number
  readonly restAfterMs?: number
  /** A planted fault: skipped positions are forgotten at once, or at a certain age. */
  readonly unsafeRule?: 'none' | 'age'
  readonly ageMs?: number
  readonly onWarning?: (message: string) => void
  readonly cleanup?: 'delete' | 'archive'
  readonly retentionMs?: number
}

/** A row as an application writes it, through a plain driver. */
export interface RowInput {
  readonly key?: string | null
  readonly type?: string
  readonly payload?: string | null
  readonly headers?: string | null
  readonly topic?: string | null
}

/** One connection of an application, with the database's plain driver. */
export interface OutboxWriter {
  begin(): Promise<void>
  commit(): Promise<void>
  rollback(): Promise<void>
  /** Adds a row of aggregate type `order`; returns its position. Outside a transaction it is committed at once. */
  insert(row?: RowInput): Promise<number>
  /** Waits for a lock of this name and keeps it until the transaction ends. */
  lock(name: string): Promise<void>
  /** As a relay that takes the lease over: another owner, epoch + 1. */
  takeLease(owner: string): Promise<void>
}

/** A row of the held table as a plain driver reads it. */
export interface HeldRecord {
  readonly position: number
  readonly scopeKind: string
  readonly scope: string
  readonly code: string
  readonly reason: string
  readonly attempts: number
  readonly payload: string | null
  readonly request: string | null
}

/** A row of the archive as a plain driver reads it. */
export interface ArchiveRecord {
  readonly position: number
  readonly id: string
  readonly aggregateId: string | null
  readonly type: string
  readonly payload: string | null
  readonly headers: string | null
  readonly topic: string | null
  readonly outcome: string
  /** RFC 3339, UTC, microseconds. */
  readonly createdAt: string
  readonly publishedAt: string
}

/** Fresh tables of one test. */
export interface SourceUnderTest {
  /** A source on these tables; each call makes another one. Closed by `dispose`. */
  source(tuning?: SourceTuning): Source
  /** Positions that this opened source still waits for. */
  openHoles(source: Source): number
  writer(): Promise<OutboxWriter>
  /** Positions in the outbox table, ascending. */
  positions(): Promise<number[]>
  /** Rows of the held table, by position. */
  held(): Promise<HeldRecord[]>
  /** Rows of the archive by time and position. */
  archive(): Promise<ArchiveRecord[]>
  /** Makes all rows of the archive so much older. */
  ageArchive(ms: number): Promise<void>
  /** What a person asks for, for all rows of a scope. */
  request(scope: string, request: string): Promise<void>
  dropTables(): Promise<void>
  createTables(): Promise<void>
  dispose(): Promise<void>
}

export interface SourceHarness {
  /** For the titles, e.g. `postgres`. */
  readonly name: string
  /**
   * `elsewhere`: in a schema (database) that is not the connection's, under a name that needs quotes. `archive`: with
   * the table for `cleanup: 'archive'`.
   */
  open(options: { readonly elsewhere: boolean; readonly archive: boolean }): Promise<SourceUnderTest>
}

/** The tables of the running test. */
export type CurrentTest = () => SourceUnderTest

/** Long enough for any term of a test. */
const termMs = 60_000
const never = new AbortController().signal

/** A source that owns the lease and is open. */
export async function opened(test: SourceUnderTest, tuning: SourceTuning = {}): Promise<Source> {
  const source = test.source(tuning)
  const acquired = await source.leases.acquire({ owner: 'suite', termMs })
  if (acquired === undefined) throw new Error('The lease of a fresh table belongs to somebody.')
  await source.open(acquired.lease)
  return source
}

/** One read; the events in full. */
export async function readOnce(source: Source): Promise<readonly StoredEvent[]> {
  return (await source.read(never)).events
}

/** Positions of one read. */
export async function read(source: Source): Promise<number[]> {
  return (await readOnce(source)).map(({ position }) => position)
}

/** Reads for `ms`, so that notes are taken and holes rest or die; the positions that came. */
export async function readFor(source: Source, ms: number): Promise<number[]> {
  const until = performance.now() + ms
  const positions: number[] = []
  while (performance.now() < until) {
    positions.push(...(await read(source)))
    await pause(5)
  }
  return positions
}

/** Reads until `done`; throws after ten seconds. */
export async function readUntil(
  source: Source,
  done: (positions: readonly number[]) => boolean,
): Promise<number[]> {
  const positions: number[] = []
  const until = performance.now() + 10_000
  while (!done(positions)) {
    expect(performance.now(), `waited for more than ${JSON.stringify(positions)}`).toBeLessThan(until)
    positions.push(...(await read(source)))
    await pause(2)
  }
  return positions
}

/** Reads until so many positions are open, and expects that nothing comes; throws after ten seconds. */
export async function readUntilHoles(test: SourceUnderTest, source: Source, holes: number): Promise<void> {
  const until = performance.now() + 10_000
  while (test.openHoles(source) !== holes) {
    expect(performance.now(), `waited for ${holes} holes, has ${test.openHoles(source)}`).toBeLessThan(until)
    expect(await read(source)).toEqual([])
    await pause(2)
  }
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}

/** What `action` is rejected with; fails when it is not. */
export async function rejection(action: Promise<unknown>): Promise<{ code?: unknown; message: string }> {
  try {
    await action
  } catch (error) {
    return error as { code?: unknown; message: string }
  }
  throw new Error('It should have been rejected.')
}

import type { Database } from '../../database/database.js'
import { humanBytes } from '../limits.js'
import { problem, type Family, type Problem } from '../finding.js'

/** A row of pg_replication_slots; which columns there are depends on the version. */
export interface ReplicationSlot {
  readonly slot_name: string
  readonly slot_type: 'physical' | 'logical'
  readonly active: boolean
  readonly temporary: boolean
  readonly database?: string | null
  /** 13 and newer. */
  readonly wal_status?: string | null
  /** 17 and newer: copied from the primary by slot synchronisation. */
  readonly synced?: boolean
  /** 18: why it is lost. */
  readonly invalidation_reason?: string | null
}

export interface SlotState {
  readonly slot: ReplicationSlot
  /** Bytes of write-ahead log that it keeps; `null`: none. */
  readonly keptBytes: number | null
}

export function slotsFamily({ query }: Database): Family {
  return {
    checks: ['left-over-slots'],
    run: async () => {
      const rows = await query(
        `select to_jsonb(s)::text as slot, pg_wal_lsn_diff(case when pg_is_in_recovery() then pg_last_wal_replay_lsn()
          else pg_current_wal_lsn() end, s.restart_lsn)::text as kept from pg_replication_slots s order by slot_name`,
      )
      return rows.flatMap((row) =>
        judgeSlot({
          slot: JSON.parse(String(row['slot'])) as ReplicationSlot,
          keptBytes: row['kept'] == null ? null : Number(row['kept']),
        }),
      )
    },
  }
}

export function judgeSlot({ slot, keptBytes }: SlotState): Problem[] {
  const name = `'${slot.slot_name.replaceAll("'", "''")}'`
  const drop = `select pg_drop_replication_slot(${name})`
  if (slot.synced === true && slot.temporary)
    return [
      problem(
        'warning',
        'left-over-slots',
        `The synchronised slot ${name} is still temporary: it is gone after a promotion, and its reader with it.`,
        `On the primary let its reader move on and run: select pg_log_standby_snapshot(); after a promotion: ${drop}`,
      ),
    ]
  if (slot.wal_status === 'lost' || (slot.invalidation_reason ?? null) !== null)
    return [
      problem(
        'warning',
        'left-over-slots',
        `The slot ${name} is lost (${slot.invalidation_reason ?? 'the log that it needs was removed'}): nobody can read from it.`,
        `Run: ${drop}, and let its reader make a new one.`,
      ),
    ]
  if (slot.active || slot.synced === true) return []
  return [
    problem(
      'warning',
      'left-over-slots',
      `Nobody reads from the ${slot.slot_type} slot ${name}${slot.database == null ? '' : ` of the database ${slot.database}`}: ${keptBytes === null ? 'it will keep' : `it keeps ${humanBytes(keptBytes)} of`} write-ahead log until the disk is full.`,
      `Start its reader, or if there is none any more: ${drop}`,
    ),
  ]
}

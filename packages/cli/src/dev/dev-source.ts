import { OutboxError, qualifiedName } from '@outboxkit/core'
import type { Lease, Source } from '@outboxkit/relay'
import type { ResolvedOutbox } from '../config/resolved.js'
import { withDatabase } from '../operations/each-outbox.js'

/** In the details of the error with which a relay of dev ends instead of taking events of another relay. */
export const servedByAnother = 'served by another relay'

/** A relay other than dev has run here: it has left its note. */
export function isServed(outbox: ResolvedOutbox): Promise<boolean> {
  return withDatabase(outbox, async ({ query, dialect }) => {
    const lease = qualifiedName(outbox.table, dialect, 'lease')
    const [row] = await query(`select fingerprint from ${lease} where id = 1`)
    return row?.['fingerprint'] != null
  })
}

/** Takes the note away, as long as the lease is ours. */
function forget(outbox: ResolvedOutbox, { epoch }: Lease): Promise<unknown> {
  return withDatabase(outbox, ({ query, dialect }) => {
    const lease = qualifiedName(outbox.table, dialect, 'lease')
    const placeholder = dialect === 'postgres' ? '$1' : '?'
    return query(`update ${lease} set fingerprint = null where id = 1 and epoch = ${placeholder}`, [epoch])
  })
}

/**
 * The source, made safe for development. A relay notes in the lease row which server it reads (`fingerprint`); a row
 * with a note says that somebody publishes from here for real. Under the lease, so that nobody can come in between,
 * dev refuses to go on where there is one, and takes away its own, so that the next dev may go on.
 *
 * `force`: a person has said that events may leave.
 */
export function devSource(source: Source, outbox: ResolvedOutbox, force: boolean): Source {
  const open = async (lease: Lease): Promise<void> => {
    const served = await isServed(outbox)
    if (served && !force)
      throw new OutboxError('OUTBOX_SOURCE_UNSUPPORTED', 'A relay has run on this outbox.', {
        details: { reason: servedByAnother },
      })
    await source.open(lease)
    if (!served) await forget(outbox, lease)
  }
  // Sources keep private fields: every call has to reach the source itself.
  return new Proxy(source, {
    get(target, key) {
      if (key === 'open') return open
      const value: unknown = Reflect.get(target, key, target)
      return typeof value === 'function' ? (value.bind(target) as unknown) : value
    },
  })
}

import { randomBytes } from 'node:crypto'
import { hostname } from 'node:os'

/** What `<outbox>_lease.owner` holds. */
const maxLength = 64

/**
 * A name that no other relay has, `host/process id/random`, so that whoever looks at the lease knows where its owner runs.
 * Of a long host the end is kept: that is where the replicas of a deployment differ.
 */
export function ownerName(prefix: string, host = hostname(), pid = process.pid): string {
  const rest = `/${pid}/${randomBytes(6).toString('hex')}`
  const room = maxLength - prefix.length - rest.length
  return `${prefix}${host.replaceAll(/[^\w.-]/g, '').slice(-room)}${rest}`
}

/** The id of a relay of dev begins so, and no name of a host: whoever reads it in the lease knows that its events do not reach Kafka. */
export const devOwner = 'dev:'

/** The owner of a lease is `outboxkit dev`. */
export function isDev(owner: string | null): boolean {
  return owner?.startsWith(devOwner) === true
}

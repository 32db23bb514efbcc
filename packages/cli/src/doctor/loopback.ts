import { isIP } from 'node:net'

/** True for this very machine: a loopback address, its names, or a socket. `address`: `host:port/database`. */
export function isLoopback(address: string): boolean {
  if (address.startsWith('/')) return true
  const host = hostOf(address)
  if (host === 'localhost' || host.endsWith('.localhost') || host === '') return true
  if (isIP(host) === 4) return host.startsWith('127.')
  return host === '::1' || host.startsWith('::ffff:127.')
}

/** The host of `host:port/database`, `host:port` or `[v6]:port`, in lower case. */
export function hostOf(address: string): string {
  const [place = ''] = address.split('/')
  const bracketed = /^\[([^\]]*)\]/.exec(place)?.[1]
  if (bracketed !== undefined) return bracketed.toLowerCase()
  const parts = place.split(':')
  // A bare address of version 6 and its port.
  return (parts.length > 2 ? parts.slice(0, -1).join(':') : (parts[0] ?? '')).toLowerCase()
}

import type { Cluster } from './cluster.js'

export interface ClusterHandle {
  readonly cluster: Cluster
  inFlight: number
  retired: boolean
}

/** The cluster of a driver. A retired one gets nothing new; its connections are cut when its last call has ended. */
export class Clusters {
  readonly #open: () => Cluster
  #current: ClusterHandle | undefined

  constructor(open: () => Cluster) {
    this.#open = open
  }

  /** Every `acquire` is followed by one {@link release}. */
  acquire(): ClusterHandle {
    const handle = (this.#current ??= { cluster: this.#open(), inFlight: 0, retired: false })
    handle.inFlight += 1
    return handle
  }

  release(handle: ClusterHandle): void {
    handle.inFlight -= 1
    if (handle.retired && handle.inFlight === 0) handle.cluster.destroy()
  }

  retire(handle: ClusterHandle): void {
    if (handle.retired) return
    handle.retired = true
    if (this.#current === handle) this.#current = undefined
    if (handle.inFlight === 0) handle.cluster.destroy()
  }

  retireCurrent(): void {
    if (this.#current !== undefined) this.retire(this.#current)
  }
}

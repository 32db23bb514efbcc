/** What tests do with a database server, whatever runs it: this machine's processes or a container. */
export interface DatabaseServer {
  readonly url: string
  readonly port: number
  /** As the server says it, for instance `18.4` or `11.8.9`. */
  readonly version: string
  start(): Promise<void>
  /** A clean end. */
  stop(): Promise<void>
  restart(): Promise<void>
  /** kill -9 of everything that belongs to the server. Its data stays: `start()` brings it back. */
  crash(): Promise<void>
  /** The server neither answers nor closes its connections until `resume()`. */
  pause(): Promise<void>
  resume(): Promise<void>
  /** Ends the server and deletes its data. */
  remove(): Promise<void>
}

/** Its URL is that of the superuser `postgres` and the database `postgres`. */
export interface PostgresServer extends DatabaseServer {
  /** `fast` is a clean end, `immediate` leaves recovery to the next start, `smart` waits for the clients. */
  stop(mode?: StopMode): Promise<void>
  restart(mode?: StopMode): Promise<void>
}

export type StopMode = 'smart' | 'fast' | 'immediate'

export interface PostgresOptions {
  readonly major?: PostgresMajor
  /** Lines of postgresql.conf, over the defaults. */
  readonly settings?: Readonly<Record<string, string | number>>
}

export type PostgresMajor = 14 | 15 | 16 | 17 | 18

/** MySQL or MariaDB. Its URL is that of `root`, without a password, and the database `test`. */
export type MysqlServer = DatabaseServer

export interface MysqlOptions<Version extends MysqlVersion | MariadbVersion> {
  readonly version?: Version
  /** System variables, over the defaults. */
  readonly settings?: MysqlSettings
}

export type MysqlSettings = Readonly<Record<string, string | number>>

export type MysqlVersion = '9.7' | '8.0.31' | '8.0.15'
export type MariadbVersion = '11.8' | '11.4' | '10.11'

export interface KafkaServer {
  readonly version: string
  /** `brokers`, comma separated. */
  readonly bootstrap: string
  /** host:port per broker; index 0 is the broker with id 1. */
  readonly brokers: readonly string[]
  /** host:port of what `advertise` put in front of each broker; clients that start here stay there. */
  readonly proxied: readonly string[]
  /** host:port per broker of the SASL/PLAIN listener; empty without `sasl`. */
  readonly sasl: readonly string[]
  kill(broker: number, signal?: 'SIGKILL' | 'SIGTERM'): Promise<void>
  /** Starts a broker on its data and its ports, ending it first if it runs, and waits until it is part of the cluster. */
  restart(broker: number): Promise<void>
  pause(broker: number): Promise<void>
  resume(broker: number): Promise<void>
  /** Ends all brokers and deletes their data. */
  stop(): Promise<void>
}

export interface KafkaOptions {
  readonly brokers?: 1 | 3
  /** Lines of server.properties, over the defaults. */
  readonly config?: Readonly<Record<string, string | number | boolean>>
  /** User names and passwords of an additional listener with SASL/PLAIN, and an authorizer for ACLs. */
  readonly sasl?: Readonly<Record<string, string>>
  /**
   * Gives each broker a second listener for clients, to be reached through something in between: called with
   * the broker's index and that listener's port before the broker starts, it returns the port that clients
   * are told to use. Called again with other ports when one turned out to be taken.
   */
  readonly advertise?: (broker: number, port: number) => Promise<number>
  readonly heap?: string
}

import { OutboxError } from '@outboxkit/core'
import type { ResolvedOutbox } from '../config/resolved.js'
import type { Database } from '../database/database.js'
import { diagnose } from '../doctor/doctor.js'
import { listDeadScopes } from '../operations/dead.js'
import { withDatabase } from '../operations/each-outbox.js'
import { readFacts } from './facts.js'
import { TableWatcher } from './look.js'
import { chooseMode, type DevChoice, type DevFacts, type DevWish } from './mode.js'
import type { DevPrinter } from './print.js'
import { relayInMemory } from './relay.js'
import { pause, waitForTables, type DevProject } from './wait.js'

/** How often the table is looked at where dev only looks, in ms. */
const lookMs = 250
/** Of the scopes that wait out of line at the start, so many are shown. */
const shownScopes = 10

export interface DevOptions {
  readonly wish: DevWish
  readonly printer: DevPrinter
  readonly signal: AbortSignal
  readonly environment: Readonly<Record<string, string | undefined>>
}

/**
 * Shows the events of an outbox as they appear, until the signal comes. Where the database is one for development it
 * is the relay, and events leave; elsewhere it only looks.
 *
 * Rejects with `OUTBOX_RELAY_STATE` when events are to leave and another relay owns them, and for what keeps a relay
 * from starting.
 */
export async function runDev(
  outbox: ResolvedOutbox,
  project: DevProject,
  options: DevOptions,
): Promise<void> {
  const { printer, signal, wish } = options
  const database = await waitForTables(outbox, project, { printer, signal })
  if (database === undefined) return
  let facts: DevFacts
  try {
    facts = await begin(database, outbox, options)
  } finally {
    await database.close()
  }
  let choice = chooseMode(facts, wish)
  if (choice.mode === 'relay') {
    sayRelay(outbox, printer)
    const end = await relayInMemory(outbox, { printer, signal, force: wish === 'consume' })
    if (end === 'ended') return
    choice = chooseMode({ ...facts, wasServed: true }, undefined)
  }
  await look(outbox, options, choice)
}

/** What is said once, at the start. */
async function begin(
  database: Database,
  outbox: ResolvedOutbox,
  { printer, wish, environment }: DevOptions,
): Promise<DevFacts> {
  const facts = await readFacts(database, outbox.table, environment)
  if (wish === 'consume') refuseOwned(facts)
  printer.state('connected', `${server(database)}, ${outbox.table.name}`)
  await sayFindings(outbox, printer)
  await sayHeld(database, outbox, printer)
  return facts
}

function refuseOwned({ owner, wasServed }: DevFacts): void {
  if (owner === undefined || !wasServed) return
  throw new OutboxError(
    'OUTBOX_RELAY_STATE',
    `The relay ${owner.id} owns this outbox (epoch ${owner.epoch}) and publishes its events. Stop it first, or run outboxkit dev without --consume, which only looks.`,
    { details: { owner: owner.id, epoch: owner.epoch } },
  )
}

function sayRelay({ kafka }: ResolvedOutbox, printer: DevPrinter): void {
  const never = kafka === undefined ? '' : ` and never reach ${kafka.brokers.join(', ')}`
  printer.state(
    'relay',
    `The topic is in memory: events leave the outbox when they are shown here${never}. With --keep they stay.`,
  )
}

/** Until the signal comes. */
async function look(
  outbox: ResolvedOutbox,
  { printer, signal }: DevOptions,
  { reasons }: DevChoice,
): Promise<void> {
  if (reasons.length > 0)
    printer.warn(
      'look',
      `This may not be a database for development: ${reasons.join('; ')}. So dev only looks: every event stays for the real relay. (--consume: they leave when they are shown, and never reach Kafka.)`,
      { reasons },
    )
  else printer.state('look', 'Only looking: every event stays in the outbox.')
  printer.state('waiting', 'Waiting for events.')
  const watcher = new TableWatcher(outbox.table)
  let fault = ''
  while (!signal.aborted) {
    const error = await watch(watcher, outbox, { printer, signal }).catch((thrown: unknown) => thrown)
    const message = error instanceof Error ? error.message : ''
    if (message !== '' && message !== fault) printer.warn('fault', `${message}. Trying again.`)
    fault = message
    await pause(lookMs, signal)
  }
}

/** On one connection, for as long as it lasts. */
async function watch(
  watcher: TableWatcher,
  outbox: ResolvedOutbox,
  { printer, signal }: Pick<DevOptions, 'printer' | 'signal'>,
): Promise<void> {
  await withDatabase(outbox, async (database) => {
    while (!signal.aborted) {
      const { events, missed } = await watcher.look(database)
      for (const event of events) printer.event(event, topicOf(outbox, event))
      if (missed) printer.warn('missed', 'More events came at once than can be shown; some are left out.')
      await pause(lookMs, signal)
    }
  })
}

function topicOf({ kafka }: ResolvedOutbox, event: Parameters<DevPrinter['event']>[0]): string | null {
  try {
    return kafka === undefined ? (event.topic ?? `outbox.event.${event.aggregateType}`) : kafka.topicOf(event)
  } catch {
    return null
  }
}

/** Said by dev itself, in its own words. */
const ownWords = new Set(['lease', 'held', 'backlog'])

/** What doctor has to say about the database, once. */
async function sayFindings(outbox: ResolvedOutbox, printer: DevPrinter): Promise<void> {
  for (const finding of await diagnose(outbox, { kafka: false })) {
    const matters = finding.severity === 'fatal' || finding.severity === 'warning'
    if (matters && !ownWords.has(finding.check)) printer.finding(finding)
  }
}

async function sayHeld(database: Database, { table }: ResolvedOutbox, printer: DevPrinter): Promise<void> {
  const { items } = await listDeadScopes(database, table, { limit: shownScopes })
  for (const { kind, scope, events, first } of items)
    printer.heldBefore({ kind, scope, events, code: first.code, reason: first.reason })
}

function server({ flavour, version, name }: Database): string {
  const title = { postgres: 'PostgreSQL', mysql: 'MySQL', mariadb: 'MariaDB' }[flavour]
  return `${title} ${version.split('-')[0]} at ${name}`
}

import { OutboxError, type Dialect, type SqlExecutor, type SqlStatement } from '@outboxkit/core'

/** A transaction that only takes notes. */
export class FakeTransaction implements SqlExecutor {
  dialect: Dialect = 'postgres'
  /** `insert <types>`, `lock <scope>` or the statement. */
  readonly log: string[] = []
  /** Statements with this in their note fail. */
  failing: string | undefined
  ended = false
  healthy: boolean | undefined
  overlapped = false
  /** Called when a statement has been executed, just before its promise resolves. */
  executed: () => void = () => undefined
  #running = 0

  async execute(statement: SqlStatement): Promise<void> {
    const note = noteOf(statement)
    this.log.push(note)
    this.overlapped ||= this.#running > 0
    this.#running += 1
    await new Promise(setImmediate)
    this.#running -= 1
    this.executed()
    if (this.failing !== undefined && note.includes(this.failing)) throw new Error(`refused ${this.failing}`)
  }

  assertOpen(): void {
    if (this.ended) throw new OutboxError('OUTBOX_TRANSACTION_ENDED', 'over')
  }

  isHealthy(): boolean | undefined {
    return this.healthy
  }
}

function noteOf({ strings, values }: SqlStatement): string {
  if (strings[0]?.startsWith('insert') === true) {
    const types = values.filter((_, index) => index % 7 === 3)
    return `insert ${types.join(' ')}`
  }
  return strings[0]?.includes('lock') === true ? `lock ${String(values[0])}` : strings.join('?')
}

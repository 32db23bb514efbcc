import type { SqlExecutor } from './executor.js'
import { explained } from './transaction-errors.js'

type Answer = ReturnType<NonNullable<SqlExecutor['assertUnbroken']>>

const probe = 'outboxkit_probe'

/**
 * MySQL and MariaDB: proves that a transaction is still the one that was opened. Where the adapter does not know it
 * for free, by savepoints, which every end of a transaction takes away: outside of a transaction SAVEPOINT is a
 * quiet nothing, and its release fails.
 *
 *     first INSERT:  savepoint guard, savepoint probe, release probe
 *     later ones:    savepoint probe, release probe
 *     COMMIT:        release guard
 *
 * Never ROLLBACK TO: it would undo what other branches of the application have sent in between.
 * One for each scope. A nested transaction that ends takes its own guard with it.
 */
export class UnbrokenProof {
  readonly #executor: SqlExecutor
  readonly #guard: string
  #isGuarded = false

  /** `depth`: 0 for the outermost transaction. */
  constructor(executor: SqlExecutor, depth: number) {
    this.#executor = executor
    this.#guard = `outboxkit_${depth}`
  }

  /** Throws when an INSERT sent now would be committed on its own. `answer`: of an executor that was asked already. */
  async beforeInsert(answer = this.#ask('insert')): Promise<void> {
    if (await this.#isKnown(answer)) return
    if (this.#isGuarded) return this.#prove()
    await this.#setGuard()
  }

  /** After a nested transaction that has inserted: its own proof has gone with its savepoint. */
  async afterNested(): Promise<void> {
    if (this.#isGuarded || (await this.#isKnown(this.#ask('insert')))) return
    await this.#setGuard()
  }

  /** Throws when a COMMIT sent now would not commit everything. */
  async beforeCommit(): Promise<void> {
    const executor = this.#executor
    if (executor.dialect !== 'mysql') return
    do {
      if (await this.#isKnown(this.#ask('commit'))) continue
      if (!this.#isGuarded) return this.#prove()
      this.#isGuarded = false
      return this.#run(`release savepoint ${this.#guard}`)
      // What is under way may still fail.
    } while (executor.isBusy?.() === true)
  }

  #ask(before: 'insert' | 'commit'): Answer {
    return this.#executor.dialect === 'mysql' ? this.#executor.assertUnbroken?.(before) : true
  }

  async #isKnown(answer: Answer): Promise<boolean> {
    try {
      return (await answer) === true
    } catch (error) {
      throw explained(error)
    }
  }

  async #setGuard(): Promise<void> {
    await this.#run(`savepoint ${this.#guard}`)
    await this.#prove()
    this.#isGuarded = true
  }

  async #prove(): Promise<void> {
    await this.#run(`savepoint ${probe}`)
    await this.#run(`release savepoint ${probe}`)
  }

  async #run(sql: string): Promise<void> {
    try {
      await this.#executor.execute({ strings: [sql], values: [] })
    } catch (error) {
      throw explained(error)
    }
  }
}

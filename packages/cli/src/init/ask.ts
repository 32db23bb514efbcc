import type { Readable, Writable } from 'node:stream'

export interface AskOption<T> {
  readonly value: T
  readonly label: string
}

/** Asks a person. Rejects with {@link QuestionsLeft} when they leave with Ctrl-C. */
export interface Ask {
  select<T>(question: string, options: readonly AskOption<T>[]): Promise<T>
  /** Enter alone takes `usual`. */
  text(question: string, usual: string): Promise<string>
}

/** A person has left a question with Ctrl-C. */
export class QuestionsLeft extends Error {}

export interface AskTerminal {
  readonly input?: Readable
  readonly output?: Writable
  readonly signal?: AbortSignal
}

/** Questions on a terminal. */
export function terminalAsk(terminal: AskTerminal = {}): Ask {
  return {
    async select(question, options) {
      const { select } = await import('@clack/prompts')
      const answer = await select({
        ...terminal,
        message: question,
        // By number: whatever the values are, they stay what they are.
        options: options.map(({ label }, index) => ({ value: index, label })),
      })
      const chosen = typeof answer === 'number' ? options[answer] : undefined
      if (chosen === undefined) throw new QuestionsLeft('No answer was given.')
      return chosen.value
    },
    async text(question, usual) {
      const { text } = await import('@clack/prompts')
      const answer = await text({ ...terminal, message: question, placeholder: usual, defaultValue: usual })
      if (typeof answer !== 'string') throw new QuestionsLeft('No answer was given.')
      return answer === '' ? usual : answer
    },
  }
}

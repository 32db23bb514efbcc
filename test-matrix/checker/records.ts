import { appendFileSync, existsSync, readFileSync } from 'node:fs'

/** An append-only JSONL file. Written synchronously: what a crash leaves behind is a complete prefix. */
export class Records<T extends object> {
  readonly #path: string

  constructor(path: string) {
    this.#path = path
  }

  add(record: T): void {
    appendFileSync(this.#path, `${JSON.stringify(record)}\n`)
  }

  read(): T[] {
    if (!existsSync(this.#path)) return []
    return readFileSync(this.#path, 'utf8')
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as T)
  }
}

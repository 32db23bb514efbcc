import type { Answer } from '../answers.js'

interface Topics {
  readonly topics: readonly {
    readonly topicName: string
    readonly partitions: readonly { readonly partition: number; readonly errorCode: number }[]
  }[]
}

interface ResponseModule {
  parse: ((data: Topics) => Promise<unknown>) & { [mark]?: true }
}

const mark = Symbol.for('outboxkit.answers')
const versions = [0, 1, 2, 3, 4, 5, 6, 7]
let kept: Promise<boolean> | undefined

/**
 * When a broker refuses one partition of a produce request, kafkajs 2.2.4 throws the first error and forgets what
 * the broker said about the others. From now on these errors carry all answers ({@link answersOf}); nothing else
 * changes. `false`: kafkajs looks different inside (another version, a bundle), and errors stay as they are.
 */
export function keepAnswers(): Promise<boolean> {
  return (kept ??= patch())
}

async function patch(): Promise<boolean> {
  try {
    const modules = await Promise.all(versions.map(load))
    if (modules.some((module) => typeof module.parse !== 'function')) return false
    for (const module of modules)
      if (module.parse[mark] === undefined) module.parse = remembering(module.parse)
    return true
  } catch {
    return false
  }
}

async function load(version: number): Promise<ResponseModule> {
  const path = `kafkajs/src/protocol/requests/produce/v${version}/response.js`
  const module = (await import(path)) as { default: ResponseModule }
  return module.default
}

function remembering(parse: ResponseModule['parse']): ResponseModule['parse'] {
  const remember: ResponseModule['parse'] = async (data) => {
    try {
      return await parse(data)
    } catch (error) {
      if (typeof error === 'object' && error !== null)
        Object.defineProperty(error, mark, { value: flat(data), configurable: true })
      throw error
    }
  }
  remember[mark] = true
  return remember
}

function flat({ topics }: Topics): readonly Answer[] {
  return topics.flatMap(({ topicName, partitions }) =>
    partitions.map(({ partition, errorCode }) => ({ topic: topicName, partition, errorCode })),
  )
}

/** The answers of the request that failed with this error. `undefined`: there was no response to it. */
export function answersOf(error: unknown): readonly Answer[] | undefined {
  let current = error
  for (let depth = 0; depth < 10 && typeof current === 'object' && current !== null; depth++) {
    const found = (current as { [mark]?: readonly Answer[] })[mark]
    if (found !== undefined) return found
    current = (current as { cause?: unknown }).cause
  }
  return undefined
}

import { describe, expect, it } from 'vitest'
import { answersOf, keepAnswers } from '../src/kafkajs/answers.js'

interface ResponseModule {
  readonly default: { readonly parse: (data: unknown) => Promise<unknown> }
}

const response = (...errorCodes: readonly number[]) => ({
  topics: [
    {
      topicName: 't',
      partitions: errorCodes.map((errorCode, partition) => ({ partition, errorCode, baseOffset: '0' })),
    },
  ],
  throttleTime: 0,
})

const parser = async (version: number): Promise<ResponseModule['default']> =>
  ((await import(`kafkajs/src/protocol/requests/produce/v${version}/response.js`)) as ResponseModule).default

describe('the answers of kafkajs', () => {
  it.each([0, 1, 2, 3, 4, 5, 6, 7])('are kept when one of them is an error: version %i', async (version) => {
    expect(await keepAnswers()).toBe(true)
    const { parse } = await parser(version)
    const error: unknown = await parse(response(0, 10, 0)).then(
      () => undefined,
      (thrown: unknown) => thrown,
    )
    expect(error).toMatchObject({ name: 'KafkaJSProtocolError', type: 'MESSAGE_TOO_LARGE' })
    const wrapped = new Error('given up', { cause: new Error('again', { cause: error }) })
    expect(answersOf(wrapped)).toEqual([
      { topic: 't', partition: 0, errorCode: 0 },
      { topic: 't', partition: 1, errorCode: 10 },
      { topic: 't', partition: 2, errorCode: 0 },
    ])
  })

  it('changes nothing when all went well, and finds none where there was no response', async () => {
    const { parse } = await parser(7)
    const good = response(0, 0)
    expect(await parse(good)).toBe(good)
    expect(answersOf(new Error('connection closed'))).toBeUndefined()
    expect(answersOf('text')).toBeUndefined()
  })

  it('is done once, however many ask', async () => {
    const before = (await parser(7)).parse
    expect(await Promise.all([keepAnswers(), keepAnswers()])).toEqual([true, true])
    expect((await parser(7)).parse).toBe(before)
  })
})

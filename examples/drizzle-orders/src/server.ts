import { createServer, type IncomingMessage } from 'node:http'
import { cancelOrder, close, placeOrder } from './database.js'
import { PaymentDeclined, type PaymentMethod } from './payment.js'

interface OrderRequest {
  accountId: string
  total: number
  payment: PaymentMethod
}

async function handle(request: IncomingMessage): Promise<[status: number, body: unknown]> {
  if (request.method === 'POST' && request.url === '/orders') {
    const { accountId, total, payment } = (await readJson(request)) as OrderRequest
    if (typeof accountId !== 'string' || !Number.isInteger(total))
      return [400, { error: 'accountId and total are needed' }]
    return [201, await placeOrder(accountId, total, payment)]
  }
  const cancel = /^\/orders\/([0-9a-f-]+)\/cancel$/.exec(request.url ?? '')
  if (request.method === 'POST' && cancel?.[1] !== undefined) {
    const order = await cancelOrder(cancel[1])
    return order === undefined ? [409, { error: 'no such order, or it is cancelled' }] : [200, order]
  }
  return [404, { error: 'POST /orders or POST /orders/ID/cancel' }]
}

function failure(error: unknown): [number, unknown] {
  if (error instanceof SyntaxError) return [400, { error: 'the body is not JSON' }]
  console.error(error)
  return [500, { error: 'internal error' }]
}

async function readJson(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  return JSON.parse(Buffer.concat(chunks).toString())
}

const server = createServer((request, response) => {
  handle(request)
    .catch((error: unknown): [number, unknown] =>
      error instanceof PaymentDeclined ? [402, { error: error.message }] : failure(error),
    )
    .then(([status, body]) =>
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body)),
    )
    .catch(() => response.destroy())
})

server.listen(Number(process.env['PORT'] ?? 3000), '127.0.0.1', () => {
  const address = server.address()
  console.log(`listening on http://127.0.0.1:${typeof address === 'object' ? address?.port : address}`)
})

for (const signal of ['SIGTERM', 'SIGINT'] as const)
  process.once(signal, () => {
    server.close()
    server.closeAllConnections()
    void close()
  })

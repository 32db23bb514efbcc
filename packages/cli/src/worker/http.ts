import { serve, type ServerType } from '@hono/node-server'
import { OutboxError } from '@outboxkit/core'
import { Hono } from 'hono'
import type { OutboxHealth } from './health.js'

/** What the server shows; each is asked at the time of the request. */
export interface HttpTargets {
  live(): readonly OutboxHealth[]
  ready(): Promise<readonly OutboxHealth[]>
  metrics(): Promise<{ readonly contentType: string; readonly text: string }>
  /** Wakes the outbox of this name, or all of them. False: there is none. */
  wake(name: string | undefined): boolean
}

/** The routes of the worker. Nothing in their answers is a secret. */
export function createHttp(targets: HttpTargets): Hono {
  const app = new Hono()
  app.get('/livez', (c) => c.json(...answer(targets.live())))
  app.get('/readyz', async (c) => c.json(...answer(await targets.ready())))
  app.get('/metrics', async (c) => {
    const { contentType, text } = await targets.metrics()
    return c.text(text, 200, { 'content-type': contentType })
  })
  app.post('/wake', (c) => {
    // A browser says where a request comes from; no page of another site has anything to wake here.
    if (c.req.header('origin') !== undefined) return c.json({ error: 'not from a browser' }, 403)
    const name = c.req.query('outbox')
    return targets.wake(name)
      ? c.json({ woken: name ?? 'all' }, 202)
      : c.json({ error: 'no such outbox' }, 404)
  })
  app.notFound((c) => c.json({ error: 'there are /livez, /readyz, /metrics and POST /wake' }, 404))
  app.onError((_, c) => c.json({ error: 'the request failed' }, 500))
  return app
}

function answer(outboxes: readonly OutboxHealth[]): [object, 200 | 503] {
  const ok = outboxes.every((outbox) => outbox.ok)
  return [{ status: ok ? 'ok' : 'fail', outboxes }, ok ? 200 : 503]
}

export interface HttpServer {
  readonly url: string
  close(): Promise<void>
}

/** Rejects with `OUTBOX_OPTION_INVALID` when the address cannot be had. Port 0: any that is free. */
export async function listen(app: Hono, host: string, port: number): Promise<HttpServer> {
  const server = serve({ fetch: app.fetch, hostname: host, port }) as ServerType & {
    closeAllConnections?: () => void
  }
  const address = await new Promise<string>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => reject(occupied(host, port, error)))
    server.once('listening', () => {
      const { port: taken } = server.address() as { port: number }
      resolve(`http://${host.includes(':') ? `[${host}]` : host}:${taken}`)
    })
  })
  return {
    url: address,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        // Those of a scraper are kept alive for long.
        server.closeAllConnections?.()
      }),
  }
}

function occupied(host: string, port: number, { code, message }: NodeJS.ErrnoException): OutboxError {
  const what = code === 'EADDRINUSE' ? 'something else listens there' : message
  return new OutboxError(
    'OUTBOX_OPTION_INVALID',
    `Cannot listen on ${host}:${port}: ${what}. Choose another http.port (or http.host).`,
    { details: { code } },
  )
}

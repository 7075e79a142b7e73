import type { AddressInfo } from 'node:net'
import type { Engine } from '../protocol/engine.js'
import { buildServer } from './app.js'
import type { ServerOptions } from './options.js'

export interface ListenOptions extends Omit<ServerOptions, 'draining'> {
  readonly host: string
  /** 0 takes a free one. */
  readonly port: number
}

export interface RunningServer {
  /** `http://127.0.0.1:8080` */
  readonly address: string
  /**
   * Answers new work with 503 while what runs ends, aborts what is left after `limitMs`, and closes the socket.
   * The engine stays open.
   */
  shutDown(limitMs: number): Promise<void>
}

/** How long aborted requests may take to answer before their connections are cut. */
const ABORT_GRACE_MS = 5000
const CUT_INTERVAL_MS = 10

/** Builds the server and listens. Rejects with the system's error (EADDRINUSE, ...). */
export async function listen(engine: Engine, { host, port, ...options }: ListenOptions): Promise<RunningServer> {
  const draining = new AbortController()
  const server = buildServer(engine, { ...options, draining: draining.signal })
  const inFlight = new Set<object>()
  let onIdle: () => void = () => undefined
  // Counted from here on, not from its first byte: a body that never comes must not hold a shutdown.
  server.addHook('preHandler', async (_request, reply) => {
    inFlight.add(reply.raw)
    // Not onResponse: a client that leaves early never gets one.
    reply.raw.once('close', () => {
      inFlight.delete(reply.raw)
      if (inFlight.size === 0) onIdle()
    })
  })
  const idleWithin = (limitMs: number) =>
    new Promise<boolean>(resolve => {
      const timer = setTimeout(() => resolve(false), limitMs)
      onIdle = () => {
        clearTimeout(timer)
        resolve(true)
      }
      if (inFlight.size === 0) onIdle()
    })
  await server.listen({ host, port })
  const bound = server.server.address() as AddressInfo
  const name = bound.family === 'IPv6' ? `[${bound.address}]` : bound.address
  return {
    address: `http://${name}:${bound.port}`,
    async shutDown(limitMs) {
      draining.abort()
      if (!(await idleWithin(limitMs))) {
        engine.abort('')
        await idleWithin(ABORT_GRACE_MS)
      }
      // Connections that clients opened ahead and have not used yet count as busy; one may come while we close.
      const cut = setInterval(() => server.server.closeAllConnections(), CUT_INTERVAL_MS)
      await server.close().finally(() => clearInterval(cut))
    },
  }
}

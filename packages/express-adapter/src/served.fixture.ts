import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import { createRequire } from 'node:module'
import type { AddressInfo } from 'node:net'
import express, { type Express } from 'express'
import { afterEach } from 'vitest'

// It has no types of its own installed; what is used of it is the same.
const express4 = createRequire(import.meta.url)('express4') as typeof express

/** For `describe.each`: every behaviour holds for both. */
export const expressVersions: readonly (readonly [version: number, create: typeof express])[] = [
  [5, express],
  [4, express4],
]

const open: Server[] = []

afterEach(() => {
  for (const server of open.splice(0)) {
    server.close()
    server.closeAllConnections()
  }
})

/** Listens until the test is over. Errors that end in Express's own handler are not written to the console. */
export async function serve(app: Express): Promise<string> {
  app.set('env', 'test')
  const server = createServer(app)
  open.push(server)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

/** What a response sets as the session's cookie, as the next request sends it. */
export function cookieOf(response: Response): string {
  return response.headers.getSetCookie()[0]?.split(';')[0] ?? ''
}

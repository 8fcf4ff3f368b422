import { readFile } from 'node:fs/promises'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import { UsageError } from './demo-options.ts'
import type { Outcome } from './outcome.ts'
import { type Frame, patience } from './run.ts'
import { sideTitles } from './side.ts'
import type { Step } from './troubles.ts'

export interface Page {
  readonly address: string
  show(frame: Frame): void
  /** Sends the result to every browser that watches. */
  finish(outcome: Outcome): Promise<void>
}

/** The graphs in a browser: one HTML file and a stream of events that begins with all that happened so far. */
export async function servePage(port: number, setup: { headline: string; steps: readonly Step[] }): Promise<Page> {
  const html = await readFile(new URL('page.html', import.meta.url))
  const history = [event('setup', { ...setup, patience, sideTitles })]
  const watchers = new Set<ServerResponse>()

  const server = createServer((request, response) => {
    if (request.url === '/events') {
      response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' })
      response.write(history.join(''))
      watchers.add(response)
      response.on('close', () => watchers.delete(response))
    } else if (request.url === '/') {
      response.writeHead(200, { 'content-type': 'text/html; charset=utf-8', 'cache-control': 'no-store' }).end(html)
    } else {
      response.writeHead(404).end()
    }
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', () =>
      reject(new UsageError(`port ${port} is taken: choose another with --port, or --no-page`)),
    )
    server.listen(port, '127.0.0.1', resolve)
  })

  function publish(text: string): void {
    history.push(text)
    for (const watcher of watchers) watcher.write(text)
  }

  return {
    address: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    show: (frame) => publish(event('frame', frame)),
    finish: async ({ timeline: _, ...result }) => {
      const text = event('result', result)
      const sent = [...watchers].map((watcher) => new Promise<void>((resolve) => watcher.end(text, resolve)))
      // A browser that sleeps may never take it.
      await Promise.race([Promise.all(sent), pause(500)])
    },
  }
}

function event(name: string, data: object): string {
  return `event: ${name}\ndata: ${JSON.stringify(data)}\n\n`
}

import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { CleanUp } from './clean-up.ts'

/** A process of the demo, from its parent's side. */
export interface Child {
  /** What it announced once it was ready: an address. */
  readonly address: string
  send(message: object): void
  onMessage<M>(listener: (message: M) => void): void
}

/** What the parent does with the children that it starts. */
export interface Parent {
  readonly cleanUp: CleanUp
  /** A child ended that was not asked to. */
  onDeath(reason: Error): void
}

interface Ready {
  readonly ready: string
}

const stopWithin = 3_000
const settingsVariable = 'DEMO_SETTINGS'

/** Starts a file of this folder as a process and waits until it is ready. The parent's clean-up ends it. */
export async function startChild(file: string, settings: object, parent: Parent): Promise<Child> {
  const child = fork(fileURLToPath(new URL(file, import.meta.url)), {
    // Not as an argument: every user of the machine could read the password of the database there.
    env: { ...process.env, [settingsVariable]: JSON.stringify(settings) },
    silent: true,
  })
  const lastWords = collectOutput(child)
  const ended = once(child, 'exit')
  let stopping = false

  async function stop(): Promise<void> {
    stopping = true
    if (child.connected) child.disconnect()
    const impatience = setTimeout(() => child.kill('SIGKILL'), stopWithin)
    await ended
    clearTimeout(impatience)
  }
  parent.cleanUp.add(stop)

  const died = ended.then(([code, signal]) => new Error(`${file} ended (${signal ?? code}): ${lastWords()}`))
  const ready = once(child, 'message').then(([message]) => (message as Ready).ready)
  const first = await Promise.race([ready, died])
  if (first instanceof Error) throw first
  void died.then((reason) => {
    if (!stopping) parent.onDeath(reason)
  })

  return {
    address: first,
    send: (message) => {
      if (child.connected) child.send(message)
    },
    onMessage: (listener) => child.on('message', (message) => listener(message as never)),
  }
}

// Kept out of the terminal, where it would tear the screen, until it explains a death.
function collectOutput(child: ChildProcess): () => string {
  let text = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8').on('data', (chunk: string) => {
      text = (text + chunk).slice(-2_000)
    })
  }
  return () => text.trim() || 'it said nothing'
}

/** In the child: the settings that the parent gave. */
export function settingsFromParent<S>(): S {
  return JSON.parse(process.env[settingsVariable] ?? '{}') as S
}

/** In the child: ends when the parent says so or is gone, however it went. */
export function liveWithParent(close: () => Promise<unknown>): void {
  // Ctrl-C reaches every process of the terminal; the parent decides in which order they end.
  process.on('SIGINT', () => {})
  process.once('disconnect', () => {
    setTimeout(() => process.exit(1), stopWithin - 500).unref()
    void close().finally(() => process.exit())
  })
}

export function announceReady(address: string): void {
  report({ ready: address } satisfies Ready)
}

export function report(message: object): void {
  // The parent may go at any moment, and its absence is seen by the disconnect.
  if (process.connected) process.send?.(message, () => {})
}

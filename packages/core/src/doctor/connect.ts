import type { Client } from '../redis/topology.ts'
import { createTopology } from '../redis/topology.ts'
import { CouldNotLook } from './could-not-look.ts'
import { explainFailure } from './explain-failure.ts'

export interface OpenedNode {
  /** `main`, or the primaries of a cluster, numbered in the order of their addresses. */
  readonly target: string
  readonly client: Exclude<Client, { nodes: unknown }>
}

export interface Opened {
  readonly nodes: readonly OpenedNode[]
  close(): void
}

/** @throws CouldNotLook, or the reason of the abortion */
export type Opener = (signal: AbortSignal) => Promise<Opened>

export interface ConnectSettings {
  readonly url: string
  readonly cluster: boolean
  /** PEM text. */
  readonly ca: string | undefined
  /** Milliseconds. */
  readonly timeout: number
  readonly signal: AbortSignal
}

type Single = OpenedNode['client']

/**
 * One connection, tried once: a doctor says what is wrong instead of trying again.
 *
 * @throws CouldNotLook
 */
export async function connect(settings: ConnectSettings): Promise<Opened> {
  const { url, timeout } = settings
  const tls = settings.ca === undefined ? {} : { tls: { ca: settings.ca } }
  const topology = createTopology(settings.cluster ? { cluster: [url], ...tls } : { primary: url, ...tls }, {
    cacheName: 'doctor',
    commandTimeout: timeout,
    connectTimeout: timeout,
  })
  const client = topology.open('primary', 'data')
  try {
    if (!isCluster(client)) {
      await ready(client, settings)
      return { nodes: [{ target: 'main', client }], close: () => client.disconnect() }
    }
    client.options.clusterRetryStrategy = () => null
    await ready(client, settings)
    const primaries = client.nodes('master').sort((one, other) => addressOf(one).localeCompare(addressOf(other)))
    await Promise.all(primaries.map((primary) => (primary.status === 'wait' ? ready(primary, settings) : undefined)))
    const nodes = primaries.map((primary, index) => ({ target: `primary ${index + 1}`, client: primary }))
    return { nodes, close: () => client.disconnect() }
  } catch (error) {
    client.disconnect()
    if (settings.signal.aborted || error instanceof CouldNotLook) throw error
    throw new CouldNotLook(await explainFailure(error, settings))
  }
}

/** What the handshake met first; it may be followed by an error that says less. */
function ready(client: Client, { timeout, signal }: ConnectSettings): Promise<void> {
  if (!isCluster(client)) {
    // The check of ioredis waits while Redis loads, which a doctor wants to see; and it prints where INFO is refused.
    client.options.enableReadyCheck = false
    client.options.retryStrategy = () => null
  }
  return new Promise((resolve, reject) => {
    let first: unknown
    const timer = setTimeout(() => end(first ?? new Error('no answer')), timeout)
    const abort = () => end(signal.reason)
    function end(error: unknown): void {
      clearTimeout(timer)
      signal.removeEventListener('abort', abort)
      if (error === undefined) resolve()
      else reject(error)
    }
    signal.addEventListener('abort', abort)
    if (signal.aborted) abort()
    client.on('error', (error: unknown) => {
      first ??= error
    })
    client.connect().then(
      () => end(undefined),
      (error: unknown) => end(first ?? error),
    )
  })
}

function addressOf({ options }: Single): string {
  return `${options.host}:${String(options.port).padStart(5, '0')}`
}

function isCluster(client: Client): client is Extract<Client, { nodes: unknown }> {
  return 'nodes' in client
}

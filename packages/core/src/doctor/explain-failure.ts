import { connect as connectPlain, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { classify } from '../redis/trouble.ts'
import { CouldNotLook } from './could-not-look.ts'

/** The address as people write it, without user and password. */
export function addressOf(url: string): { host: string; port: number; shown: string; tls: boolean } {
  const { hostname, port, protocol } = new URL(url)
  const number = port === '' ? 6379 : Number(port)
  const host = hostname.replace(/^\[(.*)\]$/, '$1')
  return { host, port: number, shown: `${hostname}:${number}`, tls: protocol === 'rediss:' }
}

const untrusted = /SELF_SIGNED|UNABLE_TO_(VERIFY|GET)|CERT_/

/** One line for a connection that did not come about: where, what is wrong, what to do. */
export async function explainFailure(
  met: unknown,
  { url, timeout }: { readonly url: string; readonly timeout: number },
): Promise<string> {
  const { shown, tls } = addressOf(url)
  // Of a cluster ioredis says that no node answered, and keeps what the last one said.
  const error = (met as { lastNodeError?: unknown } | undefined)?.lastNodeError ?? met
  if (error instanceof Error && error.message.includes('cluster support disabled')) {
    return `${shown}: it is no Redis Cluster; leave --cluster out`
  }
  const code = (error as { code?: unknown } | undefined)?.code
  const known = typeof code === 'string' ? code : ''
  const trouble = classify(error)
  if (known === 'ENOTFOUND' || known === 'EAI_AGAIN') return `${shown}: no such host; check the name and the DNS`
  if (known === 'ECONNREFUSED') {
    return `${shown}: ${refused}`
  }
  if (known === 'EHOSTUNREACH' || known === 'ENETUNREACH') return `${shown}: no way to that host; check the network`
  if (trouble === 'auth' || trouble === 'noperm' || trouble === 'busy') return explainRefusal(error, shown)
  if (known === 'ERR_TLS_CERT_ALTNAME_INVALID') {
    return `${shown}: its TLS certificate is for another name; connect by the name that it was made for`
  }
  if (untrusted.test(known)) {
    return `${shown}: its TLS certificate is not trusted; name its authority's with --ca ca.pem or NODE_EXTRA_CA_CERTS`
  }
  return (
    (await lookCloser(url, timeout)) ??
    `${shown}: no Redis answered (${known || firstWords(error)})${tls ? ' over TLS' : ''}`
  )
}

/** One line for a Redis that refuses to be looked at. */
export function explainRefusal(error: unknown, shown: string): string {
  const message = error instanceof Error ? error.message : ''
  switch (classify(error)) {
    case 'auth':
      return message.startsWith('NOAUTH')
        ? `${shown}: Redis asks for a password; put it in the URL (redis://user:password@…) or in REDIS_URL`
        : `${shown}: wrong user or password; check the ones in the URL, with special characters percent-encoded`
    case 'noperm':
      return `${shown}: this user may look at nothing; allow it with ACL SETUSER <user> +info +memory|stats +dbsize`
    case 'busy':
      return `${shown}: Redis is busy with a script and answers nothing else; redis-cli SCRIPT KILL ends one that has not written`
    case 'timeout':
      return `${shown}: ${frozen}`
    case 'maxclients':
      return `${shown}: ${tooMany}`
    default:
      return `${shown}: Redis did not let itself be looked at (${firstWords(error)})`
  }
}

/** An error of Redis, or of the connection, in the middle of a look; any other is ours and stays as it is. */
export async function asCouldNotLook(error: unknown, at: { url: string; timeout: number }): Promise<unknown> {
  if (error instanceof CouldNotLook || error instanceof TypeError || error instanceof RangeError) return error
  const lost = classify(error) === 'connection'
  return new CouldNotLook(lost ? await explainFailure(error, at) : explainRefusal(error, addressOf(at.url).shown))
}

export const infoDenied =
  'this user may not run INFO, so only memory and the number of keys were seen; allow it with ACL SETUSER <user> +info'

const frozen =
  'Redis does not answer in time: it is frozen, swapping, or held up by one long command; try again with a longer --timeout'
const refused = 'nothing listens there (connection refused); check host and port, and whether Redis runs'
const tooMany =
  'Redis has as many clients as it takes; raise maxclients or close some connections (redis-cli CLIENT LIST)'

/** ioredis cannot tell a wrong protocol from a lost connection; the first bytes that the port says can. */
async function lookCloser(url: string, timeout: number): Promise<string | undefined> {
  const { host, port, shown, tls } = addressOf(url)
  const limit = Math.min(timeout, 1_000)
  const plain = await firstBytes(connectPlain({ host, port }), limit)
  if (plain.text.includes('max number of clients')) return `${shown}: ${tooMany}`
  const isRedis = /^[+-]/.test(plain.text)
  if (tls) {
    if (isRedis) return `${shown}: it speaks no TLS; use redis:// instead of rediss://`
  } else if (!isRedis && (await speaksTls(host, port, limit))) {
    return `${shown}: it speaks TLS only; use rediss:// instead of redis://`
  }
  if (plain.refused) return `${shown}: ${refused}`
  if (!plain.connected) return `${shown}: no connection within ${timeout} ms; check host, port and firewall`
  if (plain.silent) return `${shown}: ${frozen}`
  if (plain.text === '')
    return `${shown}: the connection was closed at once; check that it is a Redis, and its limits and firewall`
  return isRedis ? undefined : `${shown}: something listens there that is no Redis; check host and port`
}

interface Heard {
  readonly connected: boolean
  readonly refused: boolean
  readonly silent: boolean
  readonly text: string
}

/** PING is answered by every Redis, if only with a refusal. */
function firstBytes(socket: Socket, limit: number): Promise<Heard> {
  return new Promise((resolve) => {
    let connected = false
    let refused = false
    const end = (silent: boolean, text = ''): void => {
      clearTimeout(timer)
      socket.destroy()
      resolve({ connected, refused, silent, text })
    }
    const timer = setTimeout(() => end(true), limit)
    socket.on('error', (error: NodeJS.ErrnoException) => {
      refused = error.code === 'ECONNREFUSED'
      end(false)
    })
    socket.on('close', () => end(false))
    socket.on('connect', () => {
      connected = true
      socket.write('PING\r\n')
    })
    socket.on('data', (bytes: Buffer) => end(false, bytes.toString('latin1')))
  })
}

/** Nothing is sent over it: who it is does not matter, only that a handshake comes about. */
function speaksTls(host: string, port: number, limit: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connectTls({ host, port, rejectUnauthorized: false })
    const end = (speaks: boolean): void => {
      clearTimeout(timer)
      socket.destroy()
      resolve(speaks)
    }
    const timer = setTimeout(() => end(false), limit)
    socket.on('secureConnect', () => end(true))
    socket.on('error', () => end(false))
    socket.on('close', () => end(false))
  })
}

/** The kind of an error, without what it may quote. */
function firstWords(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error)
  return (
    /\bE[A-Z]{4,}\b/.exec(message)?.[0] ??
    (message
      .split(/[\s:]+/)
      .slice(0, 3)
      .join(' ') ||
      'no reason given')
  )
}

import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { freePort } from '../support/free-port.ts'
import { startRedisCluster } from '../support/redis-cluster.ts'
import { type RedisServer, startRedisServer } from '../support/redis-server.ts'
import { startTlsTerminator, type TlsTerminator } from '../support/tls-terminator.ts'
import { until } from '../support/until.ts'
import { plimsoll, startPlimsoll } from './plimsoll.ts'

const mebi = 1024 ** 2
let redis: RedisServer
let client: Redis
let tls: TlsTerminator
let folder: string

beforeAll(async () => {
  redis = await startRedisServer({ 'latency-tracking': 'no' })
  client = new Redis(redis.url)
  tls = await startTlsTerminator(redis.port)
  folder = await mkdtemp(join(tmpdir(), 'doctor-'))
  await client.call('ACL', 'SETUSER', 'nobody', 'on', '>secret', '~*', '-@all')
  await client.call('ACL', 'SETUSER', 'modest', 'on', '>secret', '~*', '+@all', '-@dangerous')
})

afterAll(async () => {
  client?.disconnect()
  await tls?.stop()
  await redis?.stop()
  await rm(folder, { recursive: true, force: true })
})

function as(user: string): string {
  return redis.url.replace('redis://', `redis://${user}:secret@`)
}

interface Document {
  readonly exitCode: number
  readonly mode: string
  readonly findings: { readonly id: string; readonly severity: string }[]
  readonly redHerrings: { readonly id: string }[]
  readonly nodes: {
    readonly target: string
    readonly fill?: number
    readonly vitals: { readonly memory: { readonly max: number } }
  }[]
}

async function documentOf(...argv: string[]): Promise<Document> {
  const { stdout, stderr, code } = await plimsoll('doctor', '--json', ...argv)
  expect(stderr).toBe('')
  const document = JSON.parse(stdout) as Document
  expect(document.exitCode).toBe(code)
  return document
}

const ids = (found: readonly { readonly id: string }[]) => found.map(({ id }) => id)

describe('a Redis without a memory limit', () => {
  test('is told from one look, with the remedy, and what it reads is nothing that matters', async () => {
    await client.set('untouched', 'value')
    await client.call('CONFIG', 'RESETSTAT')
    const { stdout, stderr, code } = await plimsoll('doctor', redis.url)
    expect({ stderr, code }).toEqual({ stderr: '', code: 1 })
    expect(stdout).toMatch(/no-memory-limit/)
    expect(stdout).toMatch(/redis-cli CONFIG SET maxmemory \d+mb/)
    expect(stdout).not.toContain('\x1b')
    const [, ...counted] = /keyspace_hits:(\d+)\r\nkeyspace_misses:(\d+)/.exec(await client.info('stats')) ?? []
    expect(counted).toEqual(['0', '0'])
    const commands = [...(await client.info('commandstats')).matchAll(/cmdstat_([^:]+):/g)].map(([, name]) => name)
    expect(
      commands.filter((name) => !/^(info|config\|get|config\|resetstat|client\|setname)$/.test(name ?? '')),
    ).toEqual([])
  })

  test('after the remedy nothing is left to be told', async () => {
    const one = new Redis(redis.url)
    try {
      await one.config('SET', 'maxmemory', String(200 * mebi))
      await one.config('SET', 'maxmemory-policy', 'allkeys-lru')
      const document = await documentOf(redis.url, '--limit', '256Mi', '--purpose', 'cache')
      expect(document).toMatchObject({ exitCode: 0, mode: 'normal' })
      expect(document.findings.filter(({ severity }) => severity !== 'info')).toEqual([])
      expect(document.nodes[0]?.vitals.memory.max).toBe(200 * mebi)
    } finally {
      await one.config('SET', 'maxmemory', '0')
      await one.config('SET', 'maxmemory-policy', 'noeviction')
      one.disconnect()
    }
  })

  test('the pod and the log bring its kills to light, and dismiss what is no cause', async () => {
    const container = { name: 'redis', image: 'redis:7', resources: { limits: { memory: '64Mi', cpu: '250m' } } }
    const lastState = { terminated: { reason: 'OOMKilled', exitCode: 137 } }
    const status = { containerStatuses: [{ name: 'redis', restartCount: 6, lastState }] }
    const pod = { kind: 'Pod', metadata: { name: 'cache-0' }, spec: { containers: [container] }, status }
    const [podFile, logFile] = [join(folder, 'pod.json'), join(folder, 'previous.log')]
    await writeFile(podFile, JSON.stringify(pod))
    await writeFile(logFile, "1:M 01 Jan 2026 00:00:00.000 # Can't save in background: fork: Cannot allocate memory\n")
    const document = await documentOf(redis.url, '--pod', podFile, '--logs', logFile)
    expect(document.exitCode).toBe(2)
    expect(ids(document.findings)).toEqual(expect.arrayContaining(['no-memory-limit', 'container-oom-kill-suspected']))
    const dismissed = ['rh-no-persistence', 'rh-fork-log', 'rh-cpu-limit']
    expect(ids(document.redHerrings)).toEqual(expect.arrayContaining(dismissed))
  })

  test('--watch prints a line a look where nobody watches, and an interruption is its usual end', async () => {
    const { child, stdout, ended } = startPlimsoll(['doctor', redis.url, '--watch', '--interval', '100ms'])
    await until(() => stdout().split('\n').length > 3, 'three looks')
    child.kill('SIGINT')
    const { code, stderr } = await ended
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(stdout()).toMatch(/^\S+Z {2}normal {2}\S+ [KM]iB of no limit .*no-memory-limit/)
  })

  test('an interruption in the middle of a look leaves no stack', async () => {
    const proxy = createServer((socket) => void socket.on('error', () => {}).resume())
    proxy.listen(0, '127.0.0.1')
    await once(proxy, 'listening')
    const accepted = once(proxy, 'connection')
    const running = startPlimsoll([
      'doctor',
      `redis://127.0.0.1:${(proxy.address() as AddressInfo).port}`,
      '--timeout',
      '30s',
    ])
    await accepted
    running.child.kill('SIGINT')
    expect(await running.ended).toMatchObject({ code: 130, stdout: '', stderr: '' })
    proxy.close()
  })
})

describe.concurrent('what cannot be looked at: one line, exit code 3', () => {
  async function complaint(...argv: string[]): Promise<string> {
    const { code, stdout, stderr } = await plimsoll('doctor', ...argv)
    expect({ code, stdout, lines: stderr.match(/\n/g)?.length }).toEqual({ code: 3, stdout: '', lines: 1 })
    expect(stderr).not.toContain('secret')
    return stderr
  }

  test('wrong user or password', async () => {
    expect(await complaint(as('stranger'))).toMatch(/wrong user or password/)
  })

  test('no password where one is asked for', async () => {
    const strict = await startRedisServer({ requirepass: 'secret' })
    try {
      expect(await complaint(strict.url)).toMatch(/asks for a password/)
    } finally {
      await strict.stop()
    }
  })

  test('nothing listens there', async () => {
    const port = await freePort()
    expect(await complaint(`redis://127.0.0.1:${port}`)).toContain(`127.0.0.1:${port}: nothing listens there`)
  })

  test('all rights refused', async () => {
    expect(await complaint(as('nobody'))).toMatch(/may look at nothing; allow it with ACL SETUSER/)
  })

  test('rediss:// to a port without TLS', async () => {
    expect(await complaint(redis.url.replace('redis:', 'rediss:'), '--timeout', '1s')).toMatch(
      /speaks no TLS; use redis:\/\//,
    )
  })

  test('redis:// to a port with TLS', async () => {
    expect(await complaint(`redis://127.0.0.1:${tls.port}`)).toMatch(/speaks TLS only; use rediss:\/\//)
  })

  test('a certificate that nobody vouches for', async () => {
    expect(await complaint(`rediss://127.0.0.1:${tls.port}`)).toMatch(/certificate is not trusted; .*--ca/)
  })

  test('something that is no Redis', async () => {
    const web = createServer((socket) => {
      socket.on('error', () => {}).once('data', () => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'))
    })
    web.listen(0, '127.0.0.1')
    await once(web, 'listening')
    expect(await complaint(`redis://127.0.0.1:${(web.address() as AddressInfo).port}`)).toMatch(/is no Redis/)
    web.close()
  })

  test('as many clients as it takes', async () => {
    const small = await startRedisServer({ maxclients: '1' })
    const first = new Redis(small.url)
    try {
      await first.ping()
      expect(await complaint(small.url)).toMatch(/as many clients as it takes/)
    } finally {
      first.disconnect()
      await small.stop()
    }
  })

  test('frozen: within the timeout', async () => {
    const frozen = await startRedisServer()
    await frozen.freeze()
    try {
      expect(await complaint(frozen.url, '--timeout', '500ms')).toMatch(/does not answer in time/)
    } finally {
      await frozen.stop()
    }
  })
})

test('without the right to INFO: what is left is reported, one line says so, exit code 3', async () => {
  const { code, stdout, stderr } = await plimsoll('doctor', as('modest'))
  expect({ code, lines: stderr.match(/\n/g)?.length }).toEqual({ code: 3, lines: 1 })
  expect(stderr).toMatch(/may not run INFO/)
  expect(stdout).toMatch(/keys/)
})

test('over TLS, by the certificate of the authority', async () => {
  const ca = join(folder, 'ca.pem')
  await writeFile(ca, tls.certificate.cert)
  expect(ids((await documentOf(`rediss://127.0.0.1:${tls.port}`, '--ca', ca)).findings)).toContain('no-memory-limit')
})

test('every primary of a cluster, each by itself', async () => {
  const cluster = await startRedisCluster()
  try {
    const document = await documentOf(String(cluster.urls[0]), '--cluster', '--sample', '30')
    expect(document.nodes.map(({ target }) => target)).toEqual(['primary 1', 'primary 2', 'primary 3'])
    expect(ids(document.findings).filter((id) => id === 'no-memory-limit')).toHaveLength(3)
  } finally {
    await cluster.stop()
  }
})

test('called wrongly: one line that names the option, exit code 64', async () => {
  const { code, stderr, stdout } = await plimsoll('doctor', redis.url, '--limit', 'much')
  expect({ code, stdout }).toEqual({ code: 64, stdout: '' })
  expect(stderr).toMatch(/^plimsoll: --limit: expected a size .*\n$/)
})

test('help and version', async () => {
  const [help, version] = await Promise.all([plimsoll('doctor', '--help'), plimsoll('--version')])
  expect(help).toMatchObject({ code: 0, stderr: '' })
  expect(help.stdout).toMatch(/Exit code/)
  expect(help.stdout.split('\n').filter((line) => line.length > 80)).toEqual([])
  expect(version.stdout).toMatch(/^\d+\.\d+\.\d+\n$/)
})

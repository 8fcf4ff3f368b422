/**
 * What a hit of the response cache costs: requests a second of a bare handler, of the same handler behind the cache, and
 * of nginx in front of it, for a page of 10 KB that costs nothing to render. One process each, one thread of load.
 *
 *   npx -y pnpm build && npx tsx bench/response-cache.ts
 *
 * Needs wrk; nginx is measured where it is installed (Debian: apt-get install wrk nginx-light).
 */
import { type ChildProcess, execFile, fork, spawn } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import express from 'express'
import fastify from 'fastify'
import { createResponseCache } from '../packages/core/src/http/index.ts'
import { createCache } from '../packages/core/src/index.ts'
import { responseCache } from '../packages/express-adapter/src/index.ts'
import { plimsoll } from '../packages/fastify-adapter/src/index.ts'

const run = promisify(execFile)
const page = 'a line of a page, as long as lines are\n'.repeat(262)
const headers = { 'content-type': 'text/html', 'cache-control': 'public, max-age=600' }
const kinds = ['node:http', 'express', 'express cached', 'fastify', 'fastify cached'] as const
type Kind = (typeof kinds)[number]
const rounds = 5
const seconds = 3

async function serve(kind: Kind): Promise<number> {
  const cache = createCache({ name: 'bench' })
  const responses = createResponseCache(cache, { name: 'pages', hosts: ['127.0.0.1'] })
  if (kind.startsWith('fastify')) {
    const app = fastify()
    await app.register(plimsoll, { responses })
    const config = kind === 'fastify cached' ? { cache: {} } : {}
    app.get('/', { config }, (_request, reply) => reply.headers(headers).send(page))
    await app.listen({ port: 0, host: '127.0.0.1' })
    return (app.server.address() as AddressInfo).port
  }
  const app = express()
  if (kind === 'express cached') app.use(responseCache(responses))
  app.get('/', (_req, res) => void res.set(headers).send(page))
  const server =
    kind === 'node:http' ? createServer((_req, res) => res.writeHead(200, headers).end(page)) : createServer(app)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return (server.address() as AddressInfo).port
}

async function start(kind: Kind): Promise<{ child: ChildProcess; port: number }> {
  const child = fork(fileURLToPath(import.meta.url), [kind], {
    execArgv: ['--import', 'tsx'],
    env: { ...process.env, NODE_ENV: 'production' },
  })
  const port = await new Promise<number>((resolve) => child.once('message', (told) => resolve(Number(told))))
  return { child, port }
}

async function startNginx(origin: number): Promise<{ child: ChildProcess; port: number; folder: string } | undefined> {
  const folder = await mkdtemp(join(tmpdir(), 'nginx-'))
  const port = origin + 1
  const text = `daemon off; worker_processes 1; pid ${folder}/pid; error_log stderr crit; user root;
    events {} http { access_log off; proxy_cache_path ${folder}/cache keys_zone=pages:1m;
      server { listen 127.0.0.1:${port}; location / { proxy_pass http://127.0.0.1:${origin}; proxy_cache pages; } } }`
  await writeFile(join(folder, 'nginx.conf'), text)
  const child = spawn('nginx', ['-c', join(folder, 'nginx.conf')], { stdio: 'ignore' })
  const failed = new Promise<boolean>((resolve) => {
    child.once('error', () => resolve(true))
    child.once('exit', () => resolve(true))
  })
  for (;;) {
    if (await Promise.race([failed, new Promise<false>((resolve) => setTimeout(resolve, 50, false))])) return undefined
    const answer = await fetch(`http://127.0.0.1:${port}/`).catch(() => undefined)
    if (answer?.ok) return { child, port, folder }
  }
}

async function requestsPerSecond(port: number): Promise<number> {
  const { stdout } = await run('wrk', ['-t1', '-c32', `-d${seconds}s`, `http://127.0.0.1:${port}/`])
  if (/Non-2xx/.test(stdout)) throw new Error(stdout)
  return Number(/Requests\/sec:\s+([\d.]+)/.exec(stdout)?.[1])
}

async function main(): Promise<void> {
  const servers = await Promise.all(kinds.map(async (kind) => ({ kind: kind as string, ...(await start(kind)) })))
  const nginx = await startNginx(servers[0]?.port ?? 0)
  const all = [...servers, ...(nginx ? [{ kind: 'nginx proxy_cache', ...nginx }] : [])]
  const rates = new Map<string, number[]>()
  // In turns, so that whatever else the machine does falls on all of them.
  for (let round = 0; round < rounds; round++) {
    for (const { kind, port } of all) rates.set(kind, [...(rates.get(kind) ?? []), await requestsPerSecond(port)])
  }
  for (const { child } of all) child.kill()
  if (nginx) await rm(nginx.folder, { recursive: true, force: true })
  const bare = median(rates.get('node:http') ?? [])
  for (const [kind, of] of rates) {
    const rate = median(of)
    console.log(
      `${kind.padEnd(18)} ${Math.round(rate)}/s  ${(1e6 / rate).toFixed(0)} µs  ${(rate / bare).toFixed(2)} × node:http`,
    )
  }
}

function median(numbers: readonly number[]): number {
  return [...numbers].sort((left, right) => left - right)[numbers.length >> 1] ?? Number.NaN
}

const kind = kinds.find((one) => one === process.argv[2])
if (kind === undefined) await main()
else process.send?.(await serve(kind))

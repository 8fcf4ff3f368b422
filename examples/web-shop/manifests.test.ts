import { readdir, readFile } from 'node:fs/promises'
import { describe, expect, test } from 'vitest'
import { readManifest } from '../../packages/core/src/doctor/manifest.ts'
import { parseQuantity, parseRedisSize } from '../../packages/core/src/doctor/manifest-quantity.ts'
import { settingsOfArguments } from '../../packages/core/src/doctor/manifest-settings.ts'
import { listAt, readDocuments, type Tree, textAt, treeAt } from '../../packages/core/src/doctor/manifest-tree.ts'
import { plimsoll } from '../../test/doctor/plimsoll.ts'
import { startRedisServer } from '../../test/support/redis-server.ts'
import { readConfig } from './config.ts'

const folder = new URL('./kubernetes/', import.meta.url)
const files = (await readdir(folder)).sort()
const texts = new Map(await Promise.all(files.map(async (file) => [file, await read(`kubernetes/${file}`)] as const)))
const objects = [...texts.values()].flatMap((text) => readDocuments(text))
const [compose = {}] = readDocuments(await read('docker-compose.yml'))

const redisNames = ['cache-redis', 'session-redis'] as const
const purposes = { 'cache-redis': 'cache', 'session-redis': 'session' } as const
// The doctor cannot see that PostgreSQL has every session too.
const accepted = { 'cache-redis': [], 'session-redis': ['ephemeral-session-store'] } as const

function read(path: string): Promise<string> {
  return readFile(new URL(`./${path}`, import.meta.url), 'utf8')
}

function object(kind: string, name: string): Tree {
  const found = objects.find((one) => one['kind'] === kind && treeAt(one, 'metadata')['name'] === name)
  if (found === undefined) throw new Error(`there is no ${kind} ${name}`)
  return found
}

function containerOf(workload: Tree): Tree {
  const [container, ...others] = listAt(treeAt(workload, 'spec', 'template', 'spec'), 'containers')
  expect(others).toEqual([])
  return container ?? {}
}

const shop = object('Deployment', 'shop')
const shopPod = treeAt(shop, 'spec', 'template', 'spec')
const shopContainer = containerOf(shop)
const settings = treeAt(object('ConfigMap', 'shop'), 'data') as Record<string, string>
const secrets = treeAt(object('Secret', 'shop'), 'stringData') as Record<string, string>
const autoscaler = treeAt(object('HorizontalPodAutoscaler', 'shop'), 'spec')

test('the README names every variable that is read', async () => {
  const readme = await read('README.md')
  const variables = (await read('config.ts')).match(/^ {2}[A-Z_]+(?=:)/gm)?.map((name) => name.trim()) ?? []
  expect(variables).toContain('DATABASE_URL')
  for (const name of [
    ...variables,
    ...Object.keys({ ...settings, ...secrets }).filter((key) => !/PASSWORD/.test(key)),
  ]) {
    expect(readme).toContain(`\`${name}\``)
  }
})

function imagesOf(tree: unknown): string[] {
  if (typeof tree !== 'object' || tree === null) return []
  return Object.entries(tree).flatMap(([name, value]) =>
    name === 'image' && typeof value === 'string' ? [value] : imagesOf(value),
  )
}

test('every image has a version', () => {
  const images = [...objects, compose].flatMap(imagesOf)
  expect(images).toHaveLength(9)
  for (const image of images) expect(image).toMatch(/:\d+\.\d+\.\d+(-alpine)?$|:\d+\.\d+-alpine$/)
})

describe.each(redisNames)('%s on Kubernetes', (name) => {
  const text = texts.get(`${name}.yaml`) ?? ''
  const facts = readManifest(text)
  const { maxmemory = 0, memoryLimit = 0 } = facts
  const container = containerOf(object('StatefulSet', name))

  test('evicts long before the kernel kills it, and has the memory that it may take', () => {
    expect(facts.notes).toEqual([])
    expect(maxmemory).toBeGreaterThan(0)
    expect(memoryLimit).toBeGreaterThanOrEqual(maxmemory * 1.25)
    expect(facts.maxmemoryPolicy).not.toBe('noeviction')
    expect(parseQuantity(treeAt(container, 'resources', 'requests')['memory'])).toBe(memoryLimit)
  })

  test('keeps nothing on disk, which would need room for a copy of what changes meanwhile', () => {
    expect(facts).toMatchObject({ save: '', appendOnly: false })
  })

  test('never runs twice, and lets its node be drained', () => {
    expect(treeAt(object('StatefulSet', name), 'spec')['replicas']).toBe(1)
    expect(() => object('PodDisruptionBudget', name)).toThrow()
  })

  test('is only restarted after a minute without an answer, for a restart empties it', () => {
    const { periodSeconds, failureThreshold } = treeAt(container, 'livenessProbe') as Record<string, number>
    expect((periodSeconds ?? 0) * (failureThreshold ?? 0)).toBeGreaterThanOrEqual(60)
  })

  test('takes the connections of every pod of a rollout', () => {
    const maxclients = Number(/maxclients (\d+)/.exec(text)?.[1])
    const connectionsOfOnePod = 4
    expect(podsInARollout() * connectionsOfOnePod).toBeLessThan(maxclients * 0.8)
  })

  test('plimsoll doctor finds nothing wrong with a Redis set up so', async () => {
    const redis = await startRedisServer(configurationOf(name))
    try {
      const manifest = new URL(`${name}.yaml`, folder).pathname
      const options = ['--purpose', purposes[name], '--pods', '6', '--connections', '4', '--surge', '1.2']
      const { stdout, stderr } = await plimsoll('doctor', '--json', redis.url, '--manifest', manifest, ...options)
      expect(stderr).toBe('')
      const { findings, ...report } = JSON.parse(stdout) as { readonly findings: readonly { readonly id: string }[] }
      expect(report).toMatchObject({ exitCode: 0, mode: 'normal', notes: [] })
      expect(findings.map(({ id }) => id)).toEqual(accepted[name])
    } finally {
      await redis.stop()
    }
  })
})

function configurationOf(name: string): Record<string, string> {
  const text = String(treeAt(object('ConfigMap', name), 'data')['redis.conf'])
  const lines = text.split('\n').filter((line) => /^[a-z]/.test(line))
  return Object.fromEntries(
    lines.map((line) => {
      const [setting = '', ...values] = line.split(' ')
      return [setting, values.join(' ').replace('""', '')]
    }),
  )
}

function podsInARollout(): number {
  return Number(autoscaler['maxReplicas']) + Number(treeAt(shop, 'spec', 'strategy', 'rollingUpdate')['maxSurge'])
}

describe('the shop on Kubernetes', () => {
  test('has two Redis, one for the cache and one for sessions', () => {
    const hosts = ['CACHE_REDIS_URL', 'SESSION_REDIS_URL'].map((name) => new URL(secrets[name] ?? '').hostname)
    expect(hosts).toEqual(redisNames)
    for (const host of hosts) expect(treeAt(object('Service', host), 'spec', 'selector')).toEqual(labelsOf(host))
  })

  function labelsOf(name: string): Record<string, unknown> {
    return { 'app.kubernetes.io/name': name }
  }

  test('starts with these settings, and knows the limits of both containers', () => {
    const config = readConfig({ ...settings, ...secrets })
    for (const [name, known] of [
      ['cache-redis', config.cache.memoryLimit],
      ['session-redis', config.sessions.memoryLimit],
    ] as const) {
      const limit = treeAt(containerOf(object('StatefulSet', name)), 'resources', 'limits')['memory']
      expect(known).toBe(limit)
    }
  })

  test('keeps URLs and passwords in the Secret alone', () => {
    const others = objects.filter((one) => one['kind'] !== 'Secret')
    expect(others.length).toBeGreaterThan(8)
    expect(JSON.stringify(others)).not.toMatch(/:\/\/|change-me/)
  })

  test('is alive and ready without Redis: its probes ask nothing that does', () => {
    const probe = (name: string) => treeAt(shopContainer, name, 'httpGet')
    expect(probe('livenessProbe')).toEqual({ path: '/healthz', port: 'health' })
    expect(probe('startupProbe')).toEqual({ path: '/healthz', port: 'health' })
    expect(probe('readinessProbe')).toEqual({ path: '/readyz', port: 'health' })
  })

  test('grows at 75 % of the memory at which it would be killed, and at its CPU', () => {
    const { requests, limits } = treeAt(shopContainer, 'resources') as Record<string, Record<string, string>>
    // A utilisation is a share of the request.
    expect(requests?.['memory']).toBe(limits?.['memory'])
    const targets = listAt(autoscaler, 'metrics').map((metric) => treeAt(metric, 'resource'))
    const utilisation = targets.map((one) => [one['name'], treeAt(one, 'target')['averageUtilization']])
    expect(Object.fromEntries(utilisation)).toEqual({ memory: 75, cpu: 70 })
    expect(object('HorizontalPodAutoscaler', 'shop')['apiVersion']).toBe('autoscaling/v2')
    expect(treeAt(shop, 'spec')).not.toHaveProperty('replicas')
  })

  test('goes up at once and down slowly, a pod at a time', () => {
    const { scaleUp, scaleDown } = treeAt(autoscaler, 'behavior') as Record<string, Tree>
    expect(scaleUp?.['stabilizationWindowSeconds']).toBe(0)
    expect(scaleDown?.['stabilizationWindowSeconds']).toBeGreaterThanOrEqual(300)
    expect(listAt(scaleDown ?? {}, 'policies')).toEqual([{ type: 'Pods', value: 1, periodSeconds: 120 }])
  })

  test("has a heap that ends before the container's memory does", () => {
    const options = listAt(shopContainer, 'env').find(({ name }) => name === 'NODE_OPTIONS')
    const heap = Number(/--max-old-space-size=(\d+)/.exec(textAt(options ?? {}, 'value') ?? '')?.[1]) * 1024 ** 2
    const limit = parseQuantity(treeAt(shopContainer, 'resources', 'limits')['memory']) ?? 0
    expect(heap).toBeLessThanOrEqual(limit * 0.75)
    // Password hashes (16 MiB each, four at once), buffers, code, stacks.
    expect(limit - heap).toBeGreaterThanOrEqual(128 * 1024 ** 2)
  })

  test("stays within PostgreSQL's connections in a rollout", () => {
    const postgresByDefault = 100
    expect(podsInARollout() * Number(settings['DATABASE_CONNECTIONS'])).toBeLessThan(postgresByDefault * 0.8)
  })

  test('goes without losing a request: endpoints first, then the process, and never two pods by a drain', () => {
    const [, waits] = treeAt(shopContainer, 'lifecycle', 'preStop', 'exec')['command'] as string[]
    expect(Number(waits)).toBeGreaterThanOrEqual(5)
    expect(shopPod['terminationGracePeriodSeconds']).toBeGreaterThan(Number(waits) + 20)
    expect(treeAt(object('PodDisruptionBudget', 'shop'), 'spec')['maxUnavailable']).toBe(1)
    expect(autoscaler['minReplicas']).toBeGreaterThanOrEqual(2)
  })

  test('shows health and metrics on a port that no Service has', () => {
    const annotations = treeAt(shop, 'spec', 'template', 'metadata', 'annotations')
    expect(annotations).toMatchObject({ 'prometheus.io/port': settings['HEALTH_PORT'], 'prometheus.io/scrape': 'true' })
    const ports = listAt(treeAt(object('Service', 'shop'), 'spec'), 'ports')
    expect(ports.map((port) => port['targetPort'])).toEqual(['http'])
  })
})

describe('docker compose', () => {
  const services = treeAt(compose, 'services')
  const memoryOf = (name: string) => parseRedisSize(treeAt(services, name, 'deploy', 'resources', 'limits')['memory'])

  test.each(redisNames)('%s evicts long before its container is killed', (name) => {
    const written = settingsOfArguments(treeAt(services, name)['command'] as string[])
    const maxmemory = parseRedisSize(written.maxmemory) ?? 0
    expect(maxmemory).toBeGreaterThan(0)
    expect(memoryOf(name)).toBeGreaterThanOrEqual(maxmemory * 1.25)
    expect(written).toMatchObject({ save: '', appendonly: 'no' })
    // As on Kubernetes.
    expect(readManifest(texts.get(`${name}.yaml`) ?? '')).toMatchObject({
      ...{ maxmemory, maxmemoryPolicy: written['maxmemory-policy'], memoryLimit: memoryOf(name) },
    })
  })

  test.each(['express', 'fastify'])('%s starts with its settings, and waits for no Redis', (name) => {
    const service = treeAt(services, name)
    const environment = treeAt(service, 'environment') as Record<string, string>
    const unset = Object.entries(environment).map(([key, value]) => [key, value.replace(/\$\{\w+:-(.*?)\}/g, '$1')])
    const config = readConfig(Object.fromEntries(unset))
    expect(parseQuantity(config.cache.memoryLimit)).toBe(memoryOf('cache-redis'))
    expect(parseQuantity(config.sessions.memoryLimit)).toBe(memoryOf('session-redis'))
    expect(config.cache.redis).not.toBe(config.sessions.redis)
    expect(Object.keys(treeAt(service, 'depends_on'))).toEqual(['postgres'])
    expect(treeAt(service, 'healthcheck')['test']).toContain('http://127.0.0.1:9090/healthz')
    expect(memoryOf(name)).toBe(512 * 1024 ** 2)
  })

  test('every container has a limit and a check', () => {
    for (const name of Object.keys(services)) {
      expect([name, memoryOf(name)]).not.toContain(undefined)
      expect(treeAt(services, name)).toHaveProperty('healthcheck.test')
    }
  })
})

import { describe, expect, test } from 'vitest'
import { readManifest } from './manifest.ts'
import { UnreadableInputError } from './unreadable-input.ts'

const Mi = 1024 ** 2

describe('Helm values', () => {
  test('of a session cache with a part of its own', () => {
    const facts = readManifest(`
sessionCache:
  resources:
    limits: { memory: 256Mi, cpu: 500m }
    requests: { memory: 256Mi, cpu: 250m }
  master:
    configuration: |-
      maxmemory 200mb
      maxmemory-policy allkeys-lru
      save ""
      appendonly no
web:
  resources:
    limits: { memory: 1Gi, cpu: "2" }
`)
    expect(facts).toEqual({
      memoryLimit: 256 * Mi,
      cpuLimit: '500m',
      maxmemory: 200 * Mi,
      maxmemoryPolicy: 'allkeys-lru',
      save: '',
      appendOnly: false,
      source: 'sessionCache.resources',
      notes: [],
    })
  })

  test("of Bitnami's chart: the master counts, and its configuration comes after the common one", () => {
    const facts = readManifest(`
architecture: replication
commonConfiguration: |-
  # Enable AOF
  appendonly yes
  save ""
  maxmemory 1gb
master:
  configuration: |-
    maxmemory 100m
    maxmemory-policy VOLATILE-LRU
  resources:
    limits: { memory: 192Mi }
replica:
  configuration: maxmemory 5gb
  resources:
    limits: { memory: 8Gi }
metrics:
  enabled: true
  resources:
    limits: { memory: 64Mi }
`)
    expect(facts).toMatchObject({
      memoryLimit: 192 * Mi,
      maxmemory: 100_000_000,
      maxmemoryPolicy: 'volatile-lru',
      appendOnly: true,
      save: '',
      source: 'master.resources',
      notes: [],
    })
  })

  test("of Bitnami's chart with a preset and flags", () => {
    const facts = readManifest(`
redis:
  master:
    resourcesPreset: nano
    extraFlags:
      - "--maxmemory-policy allkeys-lfu"
      - "--maxmemory 128mb"
`)
    expect(facts).toMatchObject({ memoryLimit: 192 * Mi, maxmemory: 128 * Mi, maxmemoryPolicy: 'allkeys-lfu' })
  })

  test('of redis-ha: a map of settings', () => {
    const facts = readManifest(`
redis:
  config:
    maxmemory: "0"
    maxmemory-policy: volatile-lru
    save: "900 1"
    min-replicas-to-write: 1
  resources:
    limits: { memory: 700Mi, cpu: 250m }
sentinel:
  resources:
    limits: { memory: 200Mi }
`)
    expect(facts).toMatchObject({
      ...{ memoryLimit: 700 * Mi, cpuLimit: '250m', maxmemory: 0, maxmemoryPolicy: 'volatile-lru', save: '900 1' },
      notes: [],
    })
  })

  test('of a simple chart: limits at the top, and an image that is Redis', () => {
    const facts = readManifest(`
image: redis:7-alpine
resources:
  limits: { memory: 1e9 }
redisConfig: |
  save 900 1
  save 300 10
`)
    expect(facts).toMatchObject({ memoryLimit: 1e9, save: '900 1 300 10', maxmemory: undefined, appendOnly: undefined })
  })

  test("an application's own limits are not those of the Redis inside its chart", () => {
    const facts = readManifest(`
resources:
  limits: { memory: 2Gi }
redis:
  master:
    configuration: maxmemory 100mb
`)
    expect(facts).toMatchObject({ memoryLimit: undefined, maxmemory: 100 * Mi })
    expect(facts.notes).toEqual(['limits: the part that configures Redis declares none'])
  })

  test('two Redis at odds: nothing is taken, and said so', () => {
    const facts = readManifest(`
redisCache:
  master: { configuration: "maxmemory 100mb", resources: { limits: { memory: 128Mi } } }
redisSession:
  master: { configuration: "maxmemory 200mb", resources: { limits: { memory: 256Mi } } }
`)
    expect(facts).toMatchObject({ memoryLimit: undefined, maxmemory: undefined })
    expect(facts.notes).toEqual([
      'limits: several parts may be the Redis (redisCache.master.resources; redisSession.master.resources); give the values of one',
      'settings: several parts configure a Redis; give the values of one',
    ])
  })

  test('limits that nothing ties to Redis are taken with a note', () => {
    const facts = readManifest('backend: { resources: { limits: { memory: 64Mi } } }')
    expect(facts.memoryLimit).toBe(64 * Mi)
    expect(facts.notes).toEqual(["limits: backend.resources are the only ones here; nothing says that they are Redis'"])
  })

  test('numbers that Kubernetes or Redis would refuse, and a slip of the suffix', () => {
    const facts = readManifest('redis: { conf: "maxmemory 1.5gb", resources: { limits: { memory: 64MB } } }')
    expect(facts).toMatchObject({ memoryLimit: undefined, maxmemory: undefined })
    expect(facts.notes).toEqual([
      'redis.resources: the memory limit is no quantity that Kubernetes takes',
      'maxmemory: is no size that Redis takes (whole numbers with b, k, kb, m, mb, g or gb)',
    ])
    const slip = readManifest('redis: { resources: { limits: { memory: 128m } } }')
    expect(slip.notes[0]).toContain('below 1 MiB')
  })
})

describe('Kubernetes objects', () => {
  const statefulSet = `
apiVersion: v1
kind: ConfigMap
metadata: { name: app-config }
data:
  redis.conf: maxmemory 5gb
---
apiVersion: v1
kind: ConfigMap
metadata: { name: session-config }
data:
  redis.conf: |
    maxmemory 1024mb
    maxmemory-policy "noeviction"
    appendonly yes
  replica.conf: |
    maxmemory 1mb
---
apiVersion: apps/v1
kind: StatefulSet
metadata: { name: session-cache }
spec:
  template:
    spec:
      containers:
        - name: metrics
          image: oliver006/redis_exporter:v1.60
          resources: { limits: { memory: 64Mi } }
        - name: main
          image: docker.io/library/redis:7.0@sha256:abc
          args: ["--maxmemory", "900mb", "--save", "", "--requirepass", "hidden"]
          resources: { limits: { memory: 1.5Gi, cpu: 250m } }
      volumes:
        - { name: conf, configMap: { name: session-config } }
---
apiVersion: apps/v1
kind: Deployment
metadata: { name: web }
spec: { template: { spec: { containers: [{ name: web, image: shop/web, resources: { limits: { memory: 3Gi } } }] } } }
`
  test('the Redis among other containers, the ConfigMap that it mounts, its command line over its file', () => {
    const facts = readManifest(statefulSet)
    expect(facts).toEqual({
      memoryLimit: 1536 * Mi,
      cpuLimit: '250m',
      maxmemory: 900 * Mi,
      maxmemoryPolicy: 'noeviction',
      save: '',
      appendOnly: true,
      source: 'StatefulSet session-cache, container main',
      notes: [],
    })
    expect(JSON.stringify(facts)).not.toContain('hidden')
  })

  test('the same as a List in JSON', () => {
    const pod = { kind: 'Pod', apiVersion: 'v1', metadata: { name: 'cache-0' }, spec: { containers: [container()] } }
    expect(readManifest(JSON.stringify({ kind: 'List', apiVersion: 'v1', items: [pod] }))).toMatchObject({
      ...{ memoryLimit: 134217728, maxmemory: 90 * Mi, maxmemoryPolicy: 'allkeys-lru', appendOnly: false },
    })
    function container() {
      const command = [
        'sh',
        '-c',
        'exec redis-server --maxmemory 90mb --maxmemory-policy allkeys-lru --appendonly no; true',
      ]
      return { name: 'cache', image: 'valkey/valkey:8', command, resources: { limits: { memory: 134217728 } } }
    }
  })

  test('several containers that may be Redis: said so', () => {
    const facts = readManifest(`
kind: Pod
apiVersion: v1
metadata: { name: two }
spec:
  containers:
    - { name: one, image: a/one, resources: { limits: { memory: 1Gi } } }
    - { name: two, image: a/two, resources: { limits: { memory: 2Gi } } }
`)
    expect(facts.memoryLimit).toBeUndefined()
    expect(facts.notes[0]).toContain(
      'several containers may be the Redis (Pod two, container one; Pod two, container two)',
    )
  })

  test('a ConfigMap alone', () => {
    const facts = readManifest('{kind: ConfigMap, apiVersion: v1, data: {redis.conf: "maxmemory 512mb\\nsave 900 1"}}')
    expect(facts).toMatchObject({ memoryLimit: undefined, maxmemory: 512 * Mi, save: '900 1', notes: [] })
  })

  test('no limits are said', () => {
    const facts = readManifest(
      '{kind: Pod, apiVersion: v1, metadata: {name: p}, spec: {containers: [{name: redis, image: redis}]}}',
    )
    expect(facts.notes).toEqual(['Pod p, container redis: declares no limits'])
  })
})

describe('what cannot be read', () => {
  test.each([
    ['', 'is empty'],
    ['just a sentence', 'holds neither Kubernetes objects nor Helm values'],
    ['a: [1\nb: secret}', /^is not YAML: line \d+ \(/],
    ['a: {{ .Values.secret }}\nb: {{', /it is a Helm template/],
    ['x'.repeat(10 * Mi + 1), 'is larger than 10 MiB'],
    [`a: &a [${'x,'.repeat(99)}]\n${bomb()}`, /nested or aliased/],
    ['['.repeat(50_000), /nested or aliased|not YAML/],
  ])('%#', (text, message) => {
    const read = () => readManifest(text)
    expect(read).toThrow(UnreadableInputError)
    expect(read).toThrow(message)
    expect(read).not.toThrow('secret')
  })

  function bomb(): string {
    const names = 'bcdefghi'.split('')
    return names.map((name, index) => `${name}: &${name} [${`*${'abcdefgh'[index]},`.repeat(9)}]`).join('\n')
  }
})

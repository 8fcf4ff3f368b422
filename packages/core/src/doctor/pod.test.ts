import { describe, expect, test } from 'vitest'
import { readPod } from './pod.ts'
import { UnreadableInputError } from './unreadable-input.ts'

function pod(name: string, restartCount: number, changes: object = {}) {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: 'ecommerce' },
    spec: {
      containers: [
        { name: 'metrics', image: 'oliver006/redis_exporter:v1', resources: { limits: { memory: '32Mi' } } },
        {
          name: 'redis',
          image: 'redis:7.0.15',
          env: [{ name: 'REDIS_PASSWORD', value: 'hidden' }],
          resources: { limits: { cpu: '250m', memory: '64Mi' } },
        },
      ],
    },
    status: {
      containerStatuses: [
        { name: 'metrics', restartCount: 0, lastState: {} },
        {
          name: 'redis',
          restartCount,
          lastState: { terminated: { exitCode: 137, reason: 'OOMKilled', finishedAt: '2026-11-21T03:00:00Z' } },
          state: { waiting: { reason: 'CrashLoopBackOff' } },
          ...changes,
        },
      ],
    },
  }
}

describe('kubectl get pod -o json', () => {
  test('of a pod that the kernel kills', () => {
    const facts = readPod(JSON.stringify(pod('session-cache-0', 7)))
    expect(facts).toEqual({
      memoryLimit: 67_108_864,
      cpuLimit: '250m',
      restarts: 7,
      lastState: { reason: 'OOMKilled', exitCode: 137 },
      source: 'Pod session-cache-0, container redis',
      notes: [],
    })
  })

  test('of a List: the Redis, and of several the one restarted most', () => {
    const web = {
      metadata: { name: 'web' },
      spec: { containers: [{ name: 'web', image: 'shop/web' }] },
      status: { containerStatuses: [{ name: 'web', restartCount: 99 }] },
    }
    const list = { apiVersion: 'v1', kind: 'List', items: [pod('a', 1), web, pod('b', 3)] }
    expect(readPod(JSON.stringify(list))).toMatchObject({
      ...{ restarts: 3, source: 'Pod b, container redis' },
      notes: ['pod: 2 containers may be the Redis; the one restarted most was taken'],
    })
  })

  test('of a pod that never ended, with limits changed in place', () => {
    const changes = { lastState: {}, state: { running: {} }, resources: { limits: { memory: '128Mi' } } }
    expect(readPod(JSON.stringify(pod('c', 0, changes)))).toMatchObject({
      ...{ memoryLimit: 134_217_728, cpuLimit: undefined, restarts: 0, lastState: undefined },
    })
  })

  test('of a pod that has just ended and has no limits', () => {
    const changes = { lastState: {}, state: { terminated: { exitCode: 1, reason: 'not a word' } } }
    const given = pod('d', 0, changes)
    for (const container of given.spec.containers) Object.assign(container, { resources: {} })
    expect(readPod(JSON.stringify(given))).toMatchObject({
      ...{ memoryLimit: undefined, cpuLimit: undefined, lastState: { reason: undefined, exitCode: 1 } },
    })
  })

  test('without a status', () => {
    expect(readPod(JSON.stringify({ ...pod('e', 0), status: null }))).toMatchObject({
      ...{ memoryLimit: 67_108_864, restarts: undefined, lastState: undefined },
    })
  })
})

test.each([
  '',
  '{',
  '[]',
  'No resources found in default namespace.',
  '{"kind":"List","items":[]}',
  '{"kind":"Service"}',
])('refuses %j', (text) => {
  expect(() => readPod(text)).toThrow(UnreadableInputError)
  expect(() => readPod(text)).toThrow(/^(is|holds) /)
})

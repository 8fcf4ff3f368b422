import { expect, test } from 'vitest'
import { ClientView } from './client-view.ts'
import { healthyEvidence } from './findings/example-evidence.ts'
import type { Finding } from './findings/finding.ts'
import type { Namespace } from './namespace.ts'
import type { NamespaceOptions } from './options/namespace-options.ts'
import type { RedisLink } from './redis-link.ts'
import { lasting, SimulatedProcess } from './testing-support/simulated-process.ts'
import { World } from './testing-support/simulated-world.ts'

const calm = { verdict: { mode: 'normal' }, gate: { refused: 0 }, pressure: undefined }
const saveMany = async () => {}

test.each<[string, Partial<NamespaceOptions<string>>, number | undefined]>([
  ['weighs on one node', { local: false }, 1],
  ['is answered in the process', {}, undefined],
  ['has copies', { local: false, copies: 2 }, undefined],
])('a hot key that %s', async (_, options, share) => {
  const world = new World()
  const process = new SimulatedProcess(world, 'A', { ...lasting(world), ...options })
  const answer = process.namespace.get('key')
  await world.rest()
  await answer
  const { namespaces } = new ClientView(world.clock, calm as unknown as RedisLink).evidence([
    process.namespace as Namespace<unknown>,
  ])
  expect(namespaces[0]?.hottestShare).toBe(share)
  process.close()
})

test.each<[string, Partial<NamespaceOptions<string>>[], Finding['id'][]]>([
  ['anything else', [{ priority: 'essential' }, {}], []],
  [
    'nothing but essential values',
    [{ priority: 'essential' }],
    ['policy-eviction-on-sessions', 'ephemeral-session-store'],
  ],
  [
    'what waits to be saved',
    [{}, { write: 'behind', save: undefined, saveMany }],
    ['policy-eviction-on-queue', 'ephemeral-session-store'],
  ],
])('a Redis that may evict is judged by what lives on it: %s', (_, options, ids) => {
  const world = new World()
  const processes = options.map((own) => new SimulatedProcess(world, 'A', { ...lasting(world), ...own }))
  const namespaces = processes.map(({ namespace }) => namespace as Namespace<unknown>)
  // Two nodes that are alike have each finding once.
  const health = { nodes: { one: healthyEvidence, another: healthyEvidence } }
  const link = { ...calm, target: 'main', health } as unknown as RedisLink
  const findings = new ClientView(world.clock, link).findings(namespaces)
  expect(findings.map(({ id }) => id)).toEqual(ids)
  for (const process of processes) process.close()
})

test('a finding is told as it is where it is worst', () => {
  const [calmer, worse] = [0.5, 0.95].map((fill) => ({ ...healthyEvidence, fill }))
  const severityOf = (...nodes: unknown[]) => {
    const link = { ...calm, target: 'main', health: { nodes: { ...nodes } } } as unknown as RedisLink
    const world = new World()
    const process = new SimulatedProcess(world, 'A', { ...lasting(world), priority: 'essential' })
    const findings = new ClientView(world.clock, link).findings([process.namespace as Namespace<unknown>])
    process.close()
    return findings.find(({ id }) => id === 'policy-eviction-on-sessions')?.severity
  }
  expect(severityOf(calmer)).toBe('warning')
  expect([severityOf(calmer, worse), severityOf(worse, calmer)]).toEqual(['critical', 'critical'])
})

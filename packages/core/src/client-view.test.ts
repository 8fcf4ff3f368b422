import { expect, test } from 'vitest'
import { ClientView } from './client-view.ts'
import type { Namespace } from './namespace.ts'
import type { NamespaceOptions } from './options/namespace-options.ts'
import type { RedisLink } from './redis-link.ts'
import { lasting, SimulatedProcess } from './testing-support/simulated-process.ts'
import { World } from './testing-support/simulated-world.ts'

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
  const link = { verdict: { mode: 'normal' }, gate: { refused: 0 }, pressure: undefined } as unknown as RedisLink
  const { namespaces } = new ClientView(world.clock, link).evidence([process.namespace as Namespace<unknown>])
  expect(namespaces[0]?.hottestShare).toBe(share)
  process.close()
})

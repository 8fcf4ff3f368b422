import { expect, test } from 'vitest'
import { EvictionPolicyError } from '../errors.ts'
import { silentLogger } from '../options/logger.ts'
import { EvictionGuard } from './eviction-guard.ts'

function guarding(...answers: (string | Error | undefined)[]) {
  const evictionPolicy = async () => {
    const answer = answers.shift()
    if (answer instanceof Error) throw answer
    return answer
  }
  return new EvictionGuard('views', { evictionPolicy }, silentLogger, false)
}

test('a policy that somebody changes while the service runs closes and opens the way', async () => {
  const guard = guarding('noeviction', 'allkeys-lru', 'volatile-lru')
  await guard.assert()
  expect(guard.safe).toBe(true)
  await guard.ask()
  expect(guard.safe).toBe(false)
  await expect(guard.assert()).rejects.toThrow(EvictionPolicyError)
  await guard.ask()
  expect(guard.safe).toBe(true)
  await guard.assert()
})

test('no answer changes nothing: what was known stays known, what was not stays unsafe', async () => {
  const guard = guarding(new Error('timed out'), 'noeviction', new Error('timed out'))
  await guard.assert()
  expect(guard.safe).toBe(false)
  await guard.assert()
  expect(guard.safe).toBe(true)
  await guard.ask()
  expect(guard.safe).toBe(true)
})

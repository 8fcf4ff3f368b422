import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { reapWithThisProcess } from '../../test/support/reaper.ts'
import type { Outcome } from './outcome.ts'

const demo = fileURLToPath(new URL('demo.ts', import.meta.url))

// A modest rate: what is asserted does not depend on it, and other tests run beside it.
const quickly = ['--quick', '--json', '--no-page', '--rate', '100']

test('the shop on Plimsoll answers every request while Redis is frozen, killed, flushed and filled up', {
  timeout: 90_000,
}, async () => {
  const child = spawn(process.execPath, ['--import', 'tsx', demo, ...quickly], { stdio: ['ignore', 'pipe', 'pipe'] })
  reapWithThisProcess(child)
  const [output, complaints, [exitCode]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, 'exit'),
  ])
  expect(exitCode, complaints).toBe(0)

  const { troubles } = JSON.parse(output) as Outcome
  expect(troubles.map(({ trouble }) => trouble)).toEqual(['calm', 'freeze', 'kill', 'flush', 'full'])
  for (const { trouble, plimsoll, plain } of troubles) {
    expect.soft(plimsoll, trouble).toMatchObject({ answered: plimsoll.sent, errors: 0, unanswered: 0 })
    expect.soft(plimsoll.sent, trouble).toBeGreaterThan(0)
    expect.soft(plain.sent, trouble).toBe(plimsoll.sent)
  }

  const frozen = troubles.find(({ trouble }) => trouble === 'freeze')
  expect(frozen?.plain.answered).toBeLessThan(frozen?.plain.sent ?? 0)
})

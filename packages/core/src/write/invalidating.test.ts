import { ReplyError } from 'ioredis'
import { expect, test } from 'vitest'
import { CopyNames } from '../entry/copy-names.ts'
import { createKeySpace } from '../entry/key.ts'
import { cascade } from '../options/policy.ts'
import { Budget } from '../redis/budget.ts'
import { openAccount } from '../testing-support/open-account.ts'
import { SteppingClock } from '../testing-support/stepping-clock.ts'
import { Invalidating } from './invalidating.ts'
import type { WriteRemote } from './write-through.ts'

/** Commands that are done, or fail, and are told in their order. */
function open(failing: Readonly<Record<string, Error>> = {}) {
  const done: string[] = []
  const pending: string[] = []
  const command = (name: string) => async (): Promise<void> => {
    await Promise.resolve()
    done.push(name)
    if (failing[name] !== undefined) throw failing[name]
  }
  const names = ['invalidate', 'invalidateMany', 'unlinkEntries']
  const remote = {
    commands: { publish: command('publish'), budget: () => new Budget(200) },
    entries: Object.fromEntries(names.map((name) => [name, command(name)])),
    gate: { refusesDeletions: false, noteRefusal: () => {} },
    account: openAccount(new SteppingClock(0)),
    pending: { add: (_: string, key: string) => pending.push(key) },
    ...{ channel: 'channel', sender: 'me' },
  } as unknown as WriteRemote
  const keys = createKeySpace('shop', 'product', 0)
  const copies = new CopyNames('shop', 'product', 2)
  const invalidating = new Invalidating(remote, 'product', keys, cascade({}), copies)
  return { invalidating, done, pending }
}

const lost = new Error('Connection is closed.')

test('the original goes first, then its copies, then the news', async () => {
  const { invalidating, done, pending } = open()
  await invalidating.one('key', new Budget(200))
  await invalidating.many(['key', 'other'])
  expect(done).toEqual(['invalidate', 'unlinkEntries', 'publish', 'invalidateMany', 'unlinkEntries', 'publish'])
  expect(pending).toEqual([])
})

test.each([
  ['the original', { invalidate: lost }, ['invalidate', 'unlinkEntries']],
  ['a copy', { unlinkEntries: lost }, ['invalidate', 'unlinkEntries', 'publish']],
  ['the news', { publish: lost }, ['invalidate', 'unlinkEntries', 'publish']],
])('what can be done is done where Redis does not take %s, and the key is not believed', async (_, failing, all) => {
  const { invalidating, done, pending } = open(failing)
  await invalidating.one('key', new Budget(200))
  expect(done).toEqual(all)
  expect(pending).toEqual(['key'])
})

test('who has no right to the channel has his writes done', async () => {
  const { invalidating, pending } = open({ publish: new ReplyError('NOPERM No permissions to access a channel') })
  await invalidating.one('key', new Budget(200))
  await invalidating.tell(['key', 'other'])
  expect(pending).toEqual([])
})

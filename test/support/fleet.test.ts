import { readFileSync } from 'node:fs'
import { platform } from 'node:process'
import { afterEach, expect, test } from 'vitest'
import { type Fleet, startFleet } from './fleet.ts'
import { until } from './until.ts'

const worker = new URL('./fleet-worker.fixture.ts', import.meta.url)
let fleet: Fleet | undefined

afterEach(() => fleet?.kill('SIGKILL'))

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

test('every process answers, and all end by themselves on stop', async () => {
  fleet = await startFleet(worker, 3, ['first', 'second'])
  const pids = await fleet.request<number>('pid')
  expect(pids).toEqual(fleet.processes.map((process) => process.pid))
  expect(await fleet.request('arguments')).toEqual(Array(3).fill(['first', 'second']))
  await fleet.stop()
  expect(fleet.processes.map((process) => process.exit)).toEqual(Array(3).fill({ code: 0, signal: null }))
  expect(pids.map(isAlive)).toEqual([false, false, false])
})

test("a worker's error is the request's error", async () => {
  fleet = await startFleet(worker, 1)
  await expect(fleet.request('fail')).rejects.toThrow('this worker was asked to fail')
  await fleet.stop()
})

test('a worker that ends with a request open fails that request, with its last words', async () => {
  fleet = await startFleet(worker, 1)
  await expect(fleet.request('exit')).rejects.toThrow(/exit code 3\nlast words/)
})

test('a worker killed in the middle of a request fails that request', async () => {
  fleet = await startFleet(worker, 2)
  const [first, second] = fleet.processes
  const hanging = expect(first?.request('hang')).rejects.toThrow('SIGKILL')
  await first?.kill()
  await hanging
  expect(first?.exit).toEqual({ code: null, signal: 'SIGKILL' })
  expect(await second?.request('pid')).toBe(second?.pid)
  await fleet.stop()
})

test('a worker that ends unasked fails the whole run', async () => {
  fleet = await startFleet(worker, 1)
  const [member] = fleet.processes
  const listeners = process.listeners('uncaughtException')
  process.removeAllListeners('uncaughtException')
  try {
    const failure = new Promise<Error>((resolve) => process.once('uncaughtException', resolve))
    await member?.request('exit soon')
    expect((await failure).message).toMatch(/exit code 4[\s\S]*nobody told it to/)
  } finally {
    for (const listener of listeners) process.on('uncaughtException', listener)
  }
})

test('a fleet dies with its parent, however the parent dies', async () => {
  fleet = await startFleet(new URL('./fleet-parent.fixture.ts', import.meta.url), 1)
  const children = (await fleet.request<number[]>('start'))[0] ?? []
  expect(children.map(isAlive)).toEqual([true, true, true])
  await fleet.kill('SIGKILL')
  await until(() => !children.some(isRunning), 'the children of a killed parent are gone')
})

/** A child whose parent is dead may stay in the table as a zombie where no init collects it: that counts as gone. */
function isRunning(pid: number): boolean {
  if (platform !== 'linux') return isAlive(pid)
  try {
    return !readFileSync(`/proc/${pid}/stat`, 'utf8').includes(') Z ')
  } catch {
    return false
  }
}

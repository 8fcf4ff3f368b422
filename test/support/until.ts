import { setTimeout as pause } from 'node:timers/promises'

/** Polls a condition until it holds; fails, naming what was awaited, when it does not hold in time. */
export async function until(
  condition: () => boolean | Promise<boolean>,
  description: string,
  timeoutMs = 10_000,
): Promise<void> {
  const deadline = performance.now() + timeoutMs
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`waited ${timeoutMs} ms in vain until ${description}`)
    await pause(10)
  }
}

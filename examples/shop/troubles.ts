import type { RedisServer } from '../../test/support/redis-server.ts'
import { RedisFiller } from './redis-filler.ts'

export type TroubleName = 'calm' | 'freeze' | 'kill' | 'flush' | 'full'

export interface Step {
  readonly name: TroubleName
  readonly title: string
  readonly explanation: string
  /** Seconds that the trouble lasts. */
  readonly seconds: number
  /** Seconds of quiet after it, in which the shops recover. */
  readonly recovery: number
}

/** Ends a trouble. */
export type Relief = () => Promise<void>

const titles: Readonly<Record<TroubleName, readonly [title: string, explanation: string]>> = {
  calm: ['calm', 'Redis is healthy'],
  freeze: ['frozen', 'Redis hangs: connections stay open, nothing answers'],
  kill: ['killed', 'Redis is gone, and comes back empty'],
  flush: ['flushed', 'Redis lost every key'],
  full: ['full', 'Redis is full and refuses to write'],
}

const schedules = {
  full: [
    ['calm', 6, 0],
    ['freeze', 8, 5],
    ['kill', 6, 8],
    ['flush', 1, 6],
    ['full', 10, 5],
  ],
  quick: [
    ['calm', 1, 0],
    ['freeze', 4, 1],
    ['kill', 3, 1],
    ['flush', 1, 1],
    ['full', 2, 1],
  ],
} as const satisfies Record<string, readonly (readonly [TroubleName, number, number])[]>

export function schedule(length: keyof typeof schedules): readonly Step[] {
  return schedules[length].map(([name, seconds, recovery]) => {
    const [title, explanation] = titles[name]
    return { name, title, explanation, seconds, recovery }
  })
}

export function isTrouble({ name }: Step): boolean {
  return name !== 'calm'
}

export function secondsOf(steps: readonly Step[]): number {
  return steps.reduce((sum, step) => sum + step.seconds + step.recovery, 0)
}

/** Does to one Redis server what the step's name says, and returns how to undo it. */
export async function bring(trouble: TroubleName, server: RedisServer, flush: () => Promise<void>): Promise<Relief> {
  switch (trouble) {
    case 'calm':
      return async () => {}
    case 'freeze':
      await server.freeze()
      return () => server.thaw()
    case 'kill':
      await server.kill()
      return () => server.start()
    case 'flush':
      await flush()
      return async () => {}
    case 'full': {
      const filler = new RedisFiller(server.url)
      await filler.fill()
      return () => filler.close()
    }
  }
}

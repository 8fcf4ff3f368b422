import { setTimeout as pause } from 'node:timers/promises'
import type { CacheHealth } from '../../packages/core/src/index.ts'
import { type FleetProcess, startFleet } from './fleet.ts'
import type { ShopCalls, ShopOptions, ShopRequest } from './incident.worker.ts'
import type { SeenMode } from './incident-cached-shop.ts'
import type { Kind, LoadReport } from './incident-load.ts'
import { until } from './until.ts'

type Answer<Name extends keyof ShopCalls> = Awaited<ReturnType<ShopCalls[Name]>>

/** The processes of a shop, each with its client or cache open. */
export interface ShopFleet {
  readonly processes: readonly FleetProcess[]
  /** Asks all at once: one answer for each process. */
  call<Name extends keyof ShopCalls>(name: Name, ...args: Parameters<ShopCalls[Name]>): Promise<Answer<Name>[]>
  callOne<Name extends keyof ShopCalls>(
    index: number,
    name: Name,
    ...args: Parameters<ShopCalls[Name]>
  ): Promise<Answer<Name>>
  /** Since the last report, of all processes together. */
  report(): Promise<LoadReport>
  /** What becomes of the requests of the next so many milliseconds. */
  reportAfter(milliseconds: number): Promise<LoadReport>
  stop(): Promise<void>
}

// Each start of a process takes about a second of a core: all at once the last would seem not to start at all.
const startedTogether = 10
// In development each load is checked for what a later hit would give, which costs as much again.
const environment = { NODE_ENV: 'production' }

export async function openShop(count: number, options: ShopOptions): Promise<ShopFleet> {
  const worker = new URL('./incident.worker.ts', import.meta.url)
  const fleets: Awaited<ReturnType<typeof startFleet>>[] = []
  const kill = async (): Promise<void> => void (await Promise.all(fleets.map((fleet) => fleet.kill('SIGKILL'))))
  try {
    for (let started = 0; started < count; started += startedTogether) {
      const some = Math.min(startedTogether, count - started)
      fleets.push(await startFleet(worker, some, [JSON.stringify(options)], environment))
    }
  } catch (error) {
    await kill()
    throw error
  }
  const processes = fleets.flatMap((fleet) => fleet.processes)
  const shop: ShopFleet = {
    processes,
    call: (name, ...args) =>
      Promise.all(processes.map((process) => process.request<never>({ name, args } satisfies ShopRequest))),
    callOne: (index, name, ...args) => {
      const process = processes[index]
      if (!process) throw new Error(`there is no process ${index}`)
      return process.request<never>({ name, args } satisfies ShopRequest)
    },
    report: async () => total((await shop.call('report')) as LoadReport[]),
    reportAfter: async (milliseconds) => {
      await pause(milliseconds)
      return shop.report()
    },
    stop: async () => {
      try {
        await Promise.all(fleets.map((fleet) => fleet.stop()))
      } finally {
        await kill()
      }
    },
  }
  await shop.call('open')
  return shop
}

export async function untilAll(
  shop: ShopFleet,
  condition: (health: CacheHealth) => boolean,
  description: string,
  timeoutMs?: number,
): Promise<void> {
  const holds = async (): Promise<boolean> => {
    const all = (await shop.call('health')).every(condition)
    // Many processes that are asked all the time have nothing else to do.
    if (!all) await pause(5 * shop.processes.length)
    return all
  }
  await until(holds, description, timeoutMs)
}

/** Until each process has made up its mind about Redis. */
export function untilLookedAt(shop: ShopFleet): Promise<void> {
  return untilAll(shop, ({ targets }) => Object.keys(targets['main']?.nodes ?? {}).length > 0, 'Redis is looked at')
}

/** How the mode was entered for the first time. */
export function entered(modes: readonly SeenMode[], mode: SeenMode['mode']): SeenMode | undefined {
  return modes.find((seen) => seen.mode === mode)
}

function total(reports: readonly LoadReport[]): LoadReport {
  const sum = (of: (report: LoadReport) => number): number => reports.reduce((all, report) => all + of(report), 0)
  const answered = (kind: Kind): number => sum((report) => report.answered[kind])
  return {
    asked: sum((report) => report.asked),
    answered: {
      logins: answered('logins'),
      requests: answered('requests'),
      pages: answered('pages'),
      suggestions: answered('suggestions'),
    },
    refused: sum((report) => report.refused),
    withoutSession: sum((report) => report.withoutSession),
    failed: sum((report) => report.failed),
    failures: reports.flatMap((report) => report.failures),
    longest: Math.max(...reports.map((report) => report.longest)),
    resident: Math.max(...reports.map((report) => report.resident)),
  }
}

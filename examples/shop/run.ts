import { setTimeout as pause } from 'node:timers/promises'
import { type Parent, startChild } from './child.ts'
import { CleanUp } from './clean-up.ts'
import type { LoadOrder, LoadReport, LoadSettings } from './load-generator.ts'
import { type Outcome, outcomeOf } from './outcome.ts'
import { dropProducts, seedProducts } from './product-seed.ts'
import type { DatabaseSettings } from './product-table.ts'
import type { Memory } from './redis-probe.ts'
import type { Condition } from './shop.ts'
import { type Side, type SideName, sideNames, startSide } from './side.ts'
import type { Summary } from './tally.ts'
import { type Relief, type Step, secondsOf } from './troubles.ts'
import type { Workload } from './workload.ts'

export interface SideFrame {
  readonly load: Summary
  readonly queriesPerSecond: number
  readonly memory: Memory | undefined
  readonly conditions: readonly Condition[]
}

/** Where the script is: a step, and whether its trouble lasts or is over and the shops recover. */
export interface Position {
  readonly step: number
  readonly recovering: boolean
}

/** One second of the run. */
export interface Frame extends Position {
  readonly second: number
  readonly sides: Readonly<Record<SideName, SideFrame>>
}

export interface RunSettings {
  readonly rate: number
  readonly workers: number
  readonly steps: readonly Step[]
  readonly workload: Workload
  readonly databaseUrl: string | undefined
}

export interface RunListeners {
  onProgress(what: string): void
  onFrame(frame: Frame): void
}

/** How long a client waits for an answer. */
export const patience = 3_000
// Redis holds the products several times over, and is filled up in a moment.
const maxMemory = '24mb'
// The database bears so many queries of one side at once, and each takes so long. A real server takes the time that it takes.
const databaseConnections = 8
const queryTime = 20
const writeEvery = 100
// Fresh processes are slow and their caches empty, which is the same for both shops and not what is to be seen here.
const warmUpSeconds = 4
// More than a healthy shop takes for a request.
const inFlight = 100

/** Starts everything, plays the script of troubles, and leaves nothing behind, whether it ends well or is interrupted. */
export async function run(settings: RunSettings, listeners: RunListeners, interruption: AbortSignal): Promise<Outcome> {
  const cleanUp = new CleanUp()
  const death = new AbortController()
  const signal = AbortSignal.any([interruption, death.signal])
  const parent: Parent = { cleanUp, onDeath: (reason) => death.abort(reason) }
  try {
    return await untilAborted(play(settings, listeners, parent, signal), signal)
  } finally {
    await cleanUp.run()
  }
}

async function play(
  { rate, workers, steps, workload, databaseUrl }: RunSettings,
  { onProgress, onFrame }: RunListeners,
  parent: Parent,
  signal: AbortSignal,
): Promise<Outcome> {
  onProgress(databaseUrl ? 'preparing the database' : 'starting PostgreSQL (PGlite)')
  const database = await startDatabase(databaseUrl, workload.products, workers, parent)

  onProgress('starting two Redis servers and the workers of both shops')
  const [plimsoll, plain] = await Promise.all(
    ([...sideNames] as const).map((name) => startSide({ name, workers, maxMemory, database }, parent)),
  )
  if (!plimsoll || !plain) throw new Error('a side is missing')
  const sides: Record<SideName, Side> = { plimsoll, plain }

  const loadSettings: LoadSettings = {
    sides: { plimsoll: plimsoll.workers, plain: plain.workers },
    perSecond: rate,
    patience,
    writeEvery,
  }
  const load = await startChild('load-generator.ts', loadSettings, parent)

  const frames: Frame[] = []
  const passed: { readonly since: number; readonly position: Position }[] = []
  const move = (position: Position): void => void passed.push({ since: performance.now(), position })
  const total = new Promise<Extract<LoadReport, { kind: 'total' }>>((resolve) => {
    load.onMessage<LoadReport>((report) => {
      if (report.kind === 'total') return resolve(report)
      // The script is over, and the last requests are awaited.
      if (frames.length === secondsOf(steps)) return
      // Where the script was during most of the second that is over.
      const middle = performance.now() - 500
      const position = passed.findLast(({ since }) => since <= middle)?.position ?? { step: 0, recovering: false }
      const looks = { plimsoll: plimsoll.look(), plain: plain.look() }
      const frame: Frame = {
        ...position,
        second: frames.length + 1,
        sides: {
          plimsoll: { load: summaryOf(report.sides, 'plimsoll'), ...looks.plimsoll },
          plain: { load: summaryOf(report.sides, 'plain'), ...looks.plain },
        },
      }
      frames.push(frame)
      onFrame(frame)
    })
  })
  const order = (message: LoadOrder): void => load.send(message)

  onProgress('warming up')
  order({ order: 'begin', requests: workload.requests, rampSeconds: warmUpSeconds })
  await pause(warmUpSeconds * 1_000, undefined, { signal })

  for (const [index, step] of steps.entries()) {
    move({ step: index, recovering: false })
    order({ order: 'phase', phase: index })
    // What is under way when the trouble comes was sent in its phase, not in the quiet before.
    await pause(inFlight, undefined, { signal })
    await bringToBoth(sides, step, signal)
    move({ step: index, recovering: true })
    await pause(step.recovery * 1_000, undefined, { signal })
  }
  order({ order: 'end' })
  const { phases } = await total
  return outcomeOf(steps, phases, frames, {
    seconds: secondsOf(steps),
    requestsPerSecond: rate,
    workersPerSide: workers,
    workload: workload.description,
    database: databaseUrl ? 'DATABASE_URL' : 'embedded PGlite',
  })
}

async function startDatabase(
  given: string | undefined,
  products: number,
  workers: number,
  parent: Parent,
): Promise<DatabaseSettings> {
  const connections = Math.max(1, Math.round(databaseConnections / workers))
  if (given) {
    parent.cleanUp.add(() => dropProducts(given))
    await seedProducts(given, products)
    return { url: given, connections, queryTime: 0 }
  }
  const database = await startChild('database.ts', {}, parent)
  await seedProducts(database.address, products)
  return { url: database.address, connections, queryTime }
}

async function bringToBoth(sides: Record<SideName, Side>, step: Step, signal: AbortSignal): Promise<void> {
  const begun = performance.now() - inFlight
  const reliefs: Relief[] = await Promise.all(sideNames.map((name) => sides[name].bring(step.name)))
  try {
    await pause(Math.max(0, step.seconds * 1_000 - (performance.now() - begun)), undefined, { signal })
  } finally {
    await Promise.all(reliefs.map((relieve) => relieve()))
  }
}

function summaryOf(sides: Readonly<Record<string, Summary>>, name: SideName): Summary {
  const summary = sides[name]
  if (!summary) throw new Error(`the load generator did not report on ${name}`)
  return summary
}

function untilAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = (): void => reject(signal.reason)
    signal.addEventListener('abort', abort, { once: true })
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort))
  })
}

import { Agent, type IncomingMessage, request } from 'node:http'
import { setTimeout as pause } from 'node:timers/promises'
import { announceReady, liveWithParent, report, settingsFromParent } from './child.ts'
import { type Ending, type Summary, Tally } from './tally.ts'

export interface LoadSettings {
  /** The addresses of each side's workers, asked in turn. */
  readonly sides: Readonly<Record<string, readonly string[]>>
  readonly perSecond: number
  readonly patience: number
  /** Every so manieth request changes a price instead of reading a product. */
  readonly writeEvery: number
}

export type LoadOrder =
  /** Plays the requests, faster and faster at first until the rate is reached. */
  | { readonly order: 'begin'; readonly requests: readonly number[]; readonly rampSeconds: number }
  /** From now on what is sent is counted, by this phase. */
  | { readonly order: 'phase'; readonly phase: number }
  | { readonly order: 'end' }

export type LoadReport =
  /** What was sent and what ended in the last second. */
  | { readonly kind: 'second'; readonly sides: Readonly<Record<string, Summary>> }
  /** By the phase in which the requests were sent, once all of them have ended. */
  | { readonly kind: 'total'; readonly phases: readonly Readonly<Record<string, Summary>>[] }

const settings = settingsFromParent<LoadSettings>()
const sides = Object.entries(settings.sides).map(([name, workers]) => ({
  name,
  workers,
  agent: new Agent({ keepAlive: true }),
}))
type Side = (typeof sides)[number]

type Tallies = ReadonlyMap<Side, Tally>

const phases: Tallies[] = []
let phase = freshTallies()
let second = freshTallies()
let outstanding = 0
let playing: NodeJS.Timeout | undefined
let counting: NodeJS.Timeout | undefined
let seconds = 0

function freshTallies(): Tallies {
  return new Map(sides.map((side) => [side, new Tally()]))
}

function summaries(tallies: Tallies): Record<string, Summary> {
  return Object.fromEntries([...tallies].map(([side, tally]) => [side.name, tally.summary()]))
}

// Open loop: a request is sent when its time has come, whatever became of those before it, as customers do.
function play(requests: readonly number[], rampSeconds: number): NodeJS.Timeout {
  const begun = performance.now()
  let next = 0
  return setInterval(() => {
    const elapsed = (performance.now() - begun) / 1_000
    const fullSeconds = elapsed < rampSeconds ? elapsed ** 2 / (2 * rampSeconds) : elapsed - rampSeconds / 2
    const due = Math.min(requests.length, Math.floor(fullSeconds * settings.perSecond))
    for (; next < due; next += 1) {
      const product = requests[next] ?? 1
      for (const side of sides) void sendOne(side, next, product)
    }
  }, 4)
}

async function sendOne(side: Side, index: number, product: number): Promise<void> {
  const sentIn = phase
  const begun = performance.now()
  outstanding += 1
  for (const tallies of [sentIn, second]) tallies.get(side)?.send()
  const address = `${side.workers[index % side.workers.length]}/products/${product}`
  const ending = await (index % settings.writeEvery === settings.writeEvery - 1
    ? ask(side.agent, 'POST', `${address}/price`, product, JSON.stringify({ cents: 1_000 + index }))
    : ask(side.agent, 'GET', address, product))
  for (const tallies of [sentIn, second]) tallies.get(side)?.end(ending, performance.now() - begun)
  outstanding -= 1
}

function ask(agent: Agent, method: 'GET' | 'POST', url: string, product: number, body?: string): Promise<Ending> {
  return new Promise((resolve) => {
    const sent = request(url, { agent, method, headers: body ? { 'content-type': 'application/json' } : {} })
    const patience = setTimeout(() => finish('unanswered'), settings.patience)
    function finish(ending: Ending): void {
      clearTimeout(patience)
      if (ending === 'unanswered') sent.destroy()
      resolve(ending)
    }
    sent.on('error', () => finish('errors'))
    sent.on('response', async (response) => finish(await judge(response, product)))
    sent.end(body)
  })
}

// An answer counts only with the product that was asked for in it.
async function judge(response: IncomingMessage, product: number): Promise<Ending> {
  try {
    const body = Buffer.concat(await response.toArray()).toString()
    return response.statusCode === 200 && JSON.parse(body).id === String(product) ? 'answered' : 'errors'
  } catch {
    return 'errors'
  }
}

function beginPhase(number: number): void {
  phase = freshTallies()
  phases[number] = phase
  if (counting) return
  second = freshTallies()
  counting = setInterval(() => {
    seconds += 1
    report({ kind: 'second', sides: summaries(second) } satisfies LoadReport)
    second = freshTallies()
  }, 1_000)
}

async function end(): Promise<void> {
  clearInterval(playing)
  const last = seconds
  // The second that is under way is reported too.
  while (outstanding > 0 || seconds === last) await pause(20)
  clearInterval(counting)
  report({ kind: 'total', phases: phases.map(summaries) } satisfies LoadReport)
}

process.on('message', (message: LoadOrder) => {
  if (message.order === 'begin') playing = play(message.requests, message.rampSeconds)
  else if (message.order === 'phase') beginPhase(message.phase)
  else void end()
})
liveWithParent(async () => {
  clearInterval(playing)
  clearInterval(counting)
})
announceReady('load generator')

/**
 * Makes the picture of docs/modes.md, from a real run of 420 seconds:
 *
 *     npx tsx docs/modes-run.ts > docs/modes.svg
 *
 * What the page quotes goes to stderr.
 */
import { randomBytes } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import { Redis } from 'ioredis'
import { createCache, type Mode, type ModeChange, WriteRefusedError } from '../packages/core/src/index.ts'
import { startRedisServer } from '../test/support/redis-server.ts'

interface Sample {
  readonly at: number
  readonly fill: number
  readonly admitted: number
  readonly stored: number
  readonly refused: number
}

const [rushFrom, freedAt, rushUntil, end] = [120, 240, 260, 420]
const reports = 6_000
const text = (bytes: number) => randomBytes(bytes).toString('base64').slice(0, bytes)
const tell = (...words: unknown[]) => console.error(at().toFixed(1), ...words)

const redis = await startRedisServer()
const operator = new Redis(redis.url)
for (let i = 0; i < reports; i++) await operator.set(`report:${i}`, text(4_000))

const cache = createCache({ name: 'shop', redis: redis.url, memoryLimit: '64Mi' })
const sessions = cache.namespace<string>({ name: 'session', ttl: '1h', priority: 'essential', local: false })
const products = cache.namespace({ name: 'product', ttl: '1h', load: () => text(3_000) })
const similar = cache.namespace({ name: 'similar', ttl: '1h', priority: 'expendable', load: () => text(3_000) })

const started = performance.now()
const at = () => (performance.now() - started) / 1_000
const samples: Sample[] = []
const changes: { readonly at: number; readonly to: Mode }[] = [{ at: 0, to: 'normal' }]
let [stored, refused, key, mostResident, freed, shown] = [0, 0, 0, 0, false, false]
cache.on('mode', (change: ModeChange) => {
  changes.push({ at: at(), to: change.to })
  tell(`${change.from} -> ${change.to}`, change.reasons, { stored, refused })
})

async function store(): Promise<void> {
  try {
    await sessions.set(`s${key++}`, text(2_000))
    stored += 1
  } catch (error) {
    if (!(error instanceof WriteRefusedError)) throw error
    refused += 1
  }
}

/** Four times a second. */
async function demand(): Promise<void> {
  const rush = at() >= rushFrom && at() < rushUntil
  const calls = [...Array(rush ? 40 : 1)].map(store)
  await Promise.all([...calls, products.get(`p${key++}`), at() < rushUntil ? similar.get(`q${key++}`) : undefined])
}

const demanding = setInterval(() => void demand(), 250)
for (; at() < end; await pause(1_000)) {
  const target = cache.health().targets['main']
  const node = target?.nodes['1']
  if (node?.fill !== undefined) {
    samples.push({ at: at(), fill: node.fill, admitted: target?.writes.admitted ?? 0, stored, refused })
    mostResident = Math.max(mostResident, node.vitals.memory.rss ?? 0)
  }
  if (!shown && at() >= 160) {
    shown = true
    tell('line', node?.line, 'health', JSON.stringify(cache.health()))
  }
  if (!freed && at() >= freedAt) {
    freed = true
    for (let i = 0; i < reports; i += 100) {
      await operator.unlink([...Array(100)].map((_, offset) => `report:${i + offset}`))
    }
    tell('freed')
  }
}
clearInterval(demanding)
tell({ stored, refused, mostResident }, cache.statistics().targets['main']?.looks)
tell('line', cache.health().targets['main']?.nodes['1']?.line)
tell(/cmdstat_info:.*/.exec(await operator.info('commandstats'))?.[0])
tell('all pass again from', samples.find((one) => one.at > freedAt && one.admitted === 1)?.at)
console.log(picture())
await cache.close()
operator.disconnect()
await redis.stop()

function picture(): string {
  const colours: Record<Mode, readonly [string, string]> = {
    normal: ['#e6f4ea', '#276749'],
    conserving: ['#fdf6d8', '#8a5a00'],
    shedding: ['#fde8cf', '#9c4221'],
    'read-only': ['#fcdcd9', '#9b2c2c'],
    'local-only': ['#e2e8f0', '#2d3748'],
  }
  const [left, right, top, bottom, floor] = [62, 1_080, 92, 430, 580]
  const x = (seconds: number) => Math.round(left + ((right - left) * seconds) / end)
  const y = (share: number) => Math.round((bottom - (bottom - top) * share) * 10) / 10
  const rate = (perSecond: number) => Math.round(floor - perSecond * 0.565)
  const line = (of: (sample: Sample) => number) => samples.map((one) => `${x(one.at)} ${y(of(one))}`).join('L')
  const area = (of: (sample: Sample) => number) => {
    const rates = samples.slice(5).map((one, index) => {
      const before = samples[index] ?? one
      return `L${x(one.at)} ${rate((of(one) - of(before)) / (one.at - before.at))}`
    })
    return `M${x(samples[5]?.at ?? 0)} ${floor}${rates.join('')}V${floor}Z`
  }
  const bands = changes.flatMap(({ at: from, to }, index) => {
    const until = changes[index + 1]?.at ?? end
    const [light, dark] = colours[to]
    const width = Math.max(1, x(until) - x(from))
    const name = `<text x="${x((from + until) / 2)}" y="82" text-anchor="middle" font-weight="700" fill="${dark}">${to}</text>`
    return [
      `<path d="M${x(from)} ${top}h${width}V${bottom}h-${width}zM${x(from)} 478h${width}V${floor}h-${width}z" fill="${light}"/>`,
      ...(until - from > 20 ? [name] : []),
    ]
  })
  const grid = [0, 0.25, 0.5, 0.75, 1].map(
    (share) =>
      `<path d="M${left} ${y(share)}H${right}" stroke="#d2d6dc"/><text x="54" y="${y(share) + 4}" text-anchor="end">${share * 100} %</text>`,
  )
  const thresholds = [0.8, 0.9, 0.97].map(
    (share) =>
      `<path d="M${left} ${y(share)}H${right}" stroke="#d98080" stroke-dasharray="5 4"/><text x="68" y="${y(share) + 13}" font-size="11" fill="#9b2c2c">${share * 100} %</text>`,
  )
  const rates = [0, 80, 160].map(
    (each) =>
      `<path d="M${left} ${rate(each)}H${right}" stroke="#d2d6dc"/><text x="54" y="${rate(each) + 4}" text-anchor="end">${each}</text>`,
  )
  const seconds = [0, 60, 120, 180, 240, 300, 360, 420].map(
    (each) => `<text x="${x(each)}" y="600" text-anchor="middle">${each} s</text>`,
  )
  const moments = Object.entries({ 'rush of logins': rushFrom, 'reports deleted': freedAt }).map(
    ([what, when]) =>
      `<path d="M${x(when)} ${top}V${floor}" stroke="#4a5568" stroke-dasharray="2 3"/><text x="${x(when) + 5}" y="${y(0.3)}">${what}, ${when} s</text>`,
  )
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1120 640" font-family="system-ui, 'Segoe UI', 'DejaVu Sans', sans-serif" font-size="12.5" fill="#4a5568">
<title>Fill, mode and admitted share while Redis fills up below a declared limit of 64 MiB and is freed</title>
<rect width="1120" height="640" rx="10" fill="#fff"/>
<text x="${left}" y="38" font-size="18" font-weight="700" fill="#1f2933">Redis fills up below a declared limit of 64 MiB, and is freed</text>
${[...bands, ...grid, ...thresholds, ...rates, ...seconds, ...moments].join('\n')}
<path d="M${line(({ admitted }) => admitted)}" fill="none" stroke="#2f855a" stroke-width="2"/>
<path d="M${line(({ fill }) => fill)}" fill="none" stroke="#2b6cb0" stroke-width="3"/>
<path d="${area((one) => one.stored)}" fill="#4c51bf" fill-opacity=".75"/>
<path d="${area((one) => one.refused)}" fill="#e53e3e" fill-opacity=".75"/>
<g font-weight="700"><text x="248" y="${y(0.44)}" fill="#2b6cb0">fill: used memory, of what the limit allows</text>
<text x="248" y="${y(0.93)}" fill="#276749">share of normal writes that pass</text>
<text x="${left}" y="468" fill="#1f2933">Essential writes a second: <tspan fill="#4c51bf">stored</tspan>, <tspan fill="#c53030">refused by a WriteRefusedError</tspan></text></g>
<text x="${right}" y="626" text-anchor="end" font-size="11">Redis 7.0, maxmemory 0, one process, default thresholds</text>
</svg>`
}

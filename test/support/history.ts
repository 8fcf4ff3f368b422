export type HistoryMessage = 'start' | 'stop'

interface EventTimes {
  /** In the process's own order. */
  readonly started: number
  readonly ended: number
  /** In the order of all. */
  readonly startedAt: number
  readonly endedAt: number
  /** When the process last knew that it did not hear the others. */
  readonly unwellAt: number
}

export type HistoryEvent =
  | (EventTimes & { readonly kind: 'read'; readonly key: string; readonly value: string | undefined })
  | (EventTimes & {
      readonly kind: 'write'
      readonly what: string
      readonly key: string
      readonly value: string | undefined
      /** When Redis had taken it, where it had not at the end. */
      toldAt?: number
    })

export interface HistoryReport {
  readonly name: string
  readonly events: readonly HistoryEvent[]
  readonly errors: Readonly<Record<string, number>>
}

/** When something was wrong with Redis, or the way to it. */
export interface Trouble {
  readonly what: string
  readonly from: number
  readonly to: number
}

export const itemKeys = Array.from({ length: 24 }, (_, index) => `item-${index}`)
export const counterKeys = ['counter-0', 'counter-1', 'counter-2']
export const tagOf = (key: string): string => `tag-${Number(key.slice('item-'.length)) % 6}`

/** What others wrote is seen after so long where nothing is wrong, in milliseconds: a message, on a busy machine. */
const calmDelay = 1_000
/** And in any trouble: a silent channel is noticed after 3 s at one of the ticks that are 1 s apart. */
const longestDelay = 5_500

export interface Verdict {
  readonly reads: number
  readonly writes: Readonly<Record<string, number>>
  readonly violations: readonly string[]
  /** Older values that the documentation allows, by the reason. */
  readonly allowed: Readonly<Record<'on its way' | 'cut off', number>>
}

interface Write {
  readonly process: string
  readonly what: string
  readonly position: number
  readonly ended: number
  /** From then on others could know of it. */
  readonly knownAt: number
}

/** Checks every read against every write that its process could know of. `histories`: the values of each key, in order. */
export function judge(
  reports: readonly HistoryReport[],
  histories: ReadonlyMap<string, readonly string[]>,
  troubles: readonly Trouble[],
): Verdict {
  const positions = new Map<string, number>()
  for (const [key, history] of histories) {
    for (const [position, value] of history.entries()) positions.set(`${key} ${value}`, position)
  }
  const positionOf = (key: string, value: string | undefined) =>
    value === undefined ? -1 : (positions.get(`${key} ${value}`) ?? Number.NaN)

  const byKey = new Map<string, Write[]>()
  const writes: Record<string, number> = {}
  for (const { name, events } of reports) {
    for (const event of events) {
      if (event.kind !== 'write') continue
      writes[event.what] = (writes[event.what] ?? 0) + 1
      const known = byKey.get(event.key) ?? []
      byKey.set(event.key, known)
      known.push({
        process: name,
        what: event.what,
        position: positionOf(event.key, event.value),
        ended: event.ended,
        knownAt: event.toldAt ?? event.endedAt,
      })
    }
  }

  const allowed = { 'on its way': 0, 'cut off': 0 }
  const violations: string[] = []
  let reads = 0
  for (const { name, events } of reports) {
    for (const read of events) {
      if (read.kind !== 'read') continue
      reads += 1
      const position = positionOf(read.key, read.value)
      const at = `${name} reads ${read.key} = ${read.value} at ${read.startedAt}`
      if (Number.isNaN(position)) violations.push(`${at}, which nobody ever wrote`)
      let anomaly: keyof typeof allowed | undefined
      for (const write of byKey.get(read.key) ?? []) {
        if (write.position <= position) continue
        if (write.process === name) {
          if (write.ended < read.started) violations.push(`${at}, after its own ${write.what} at ${write.knownAt}`)
          continue
        }
        const age = read.startedAt - write.knownAt
        if (age <= 0) continue
        const isCutOff = read.endedAt - read.unwellAt < calmDelay
        const isTroubled = troubles.some(({ from, to }) => from < read.endedAt && to + calmDelay > write.knownAt)
        if (isCutOff) anomaly ??= 'cut off'
        else if (age < (isTroubled ? longestDelay : calmDelay)) anomaly ??= 'on its way'
        else violations.push(`${at}, ${age} ms after the ${write.what} of ${write.process}`)
      }
      if (anomaly !== undefined) allowed[anomaly] += 1
    }
  }
  for (const write of [...byKey.values()].flat())
    if (Number.isNaN(write.position)) violations.push(`lost: ${write.what}`)
  return { reads, writes, violations, allowed }
}

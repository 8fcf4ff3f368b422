import type { Vitals } from './vitals.ts'

/** How sure a learned line is: by the number of deaths that agree on it. */
export type Confidence = 'low' | 'medium' | 'high'

/** A container limit that was learned from the deaths of Redis at one size. */
export interface LearnedLine {
  readonly bytes: number
  readonly deaths: number
  readonly confidence: Confidence
}

/** The limit in force: Redis can hold so many bytes as it counts them (`used_memory`), then something gives way. */
export interface MemoryLine {
  readonly bytes: number
  readonly source: 'maxmemory' | 'declared' | 'learned'
  readonly confidence: Confidence
  /** Past it Redis is killed; past a maxmemory it evicts or refuses. */
  readonly kills: boolean
}

/**
 * What the container of one run of Redis holds beyond `used_memory`: the program, and fragmentation. A container is
 * judged by its resident size, but what is freed inside the allocator stays resident and can be used again: only where
 * the resident size grows does it tell what used memory costs.
 */
export class Overhead {
  #runId: string | undefined
  #most = 0
  #bytes: number | undefined

  /** Undefined until a look told of a resident size. */
  get bytes(): number | undefined {
    return this.#bytes
  }

  note({ runId, memory: { used, rss } }: Vitals): void {
    if (runId !== undefined && runId !== this.#runId) {
      this.#runId = runId
      this.#most = 0
      this.#bytes = undefined
    }
    if (used === undefined || rss === undefined) return
    // Swapped out, or counted a moment apart.
    const beyond = Math.max(0, rss - used)
    // The allocator has given memory back: the next growth counts anew.
    if (rss < 0.9 * this.#most) this.#most = rss
    if (this.#bytes === undefined) {
      this.#most = rss
      this.#bytes = beyond
    } else if (rss > this.#most) {
      // By no more than the resident size grew: what was freed before is not lost because a little is added now.
      this.#bytes = Math.min(beyond, this.#bytes + rss - this.#most)
      this.#most = rss
    } else {
      this.#bytes = Math.min(this.#bytes, beyond)
    }
  }
}

export interface LineEvidence {
  readonly vitals: Vitals
  /** See {@link Overhead}; undefined counts as none. */
  readonly overhead: number | undefined
  /** The limit of the container, in bytes, where somebody has declared it. */
  readonly declared: number | undefined
  readonly learned: LearnedLine | undefined
}

export interface LineInForce {
  readonly line: MemoryLine | undefined
  /** Of that line; beyond 1 it is crossed. Undefined where line or used memory are unknown. */
  readonly fill: number | undefined
  /** Keys make room at that line. */
  readonly canEvict: boolean
}

/** The lowest of the lines decides: a maxmemory beyond the container's limit is never reached, and evicts nothing. */
export function lineOf({ vitals, overhead = 0, declared, learned }: LineEvidence): LineInForce {
  const { max, used, notCountedForEvict = 0 } = vitals.memory
  const lines: MemoryLine[] = []
  const container = (bytes: number) => Math.max(1, bytes - overhead)
  if (declared !== undefined) {
    lines.push({ bytes: container(declared), source: 'declared', confidence: 'high', kills: true })
  }
  if (learned !== undefined) {
    lines.push({ bytes: container(learned.bytes), source: 'learned', confidence: learned.confidence, kills: true })
  }
  if (max !== undefined && max > 0) lines.push({ bytes: max, source: 'maxmemory', confidence: 'high', kills: false })
  const [first, ...others] = lines
  if (first === undefined) return { line: undefined, fill: undefined, canEvict: false }
  const line = others.reduce((lowest, other) => (other.bytes < lowest.bytes ? other : lowest), first)
  // Exactly what Redis compares with maxmemory; a container counts everything.
  const reserve = vitals.implausible.includes('mem_not_counted_for_evict') ? undefined : notCountedForEvict
  const counted = line.kills ? used : difference(used, reserve)
  return {
    line,
    fill: counted === undefined ? undefined : counted / line.bytes,
    canEvict: line.source === 'maxmemory' && hasVictims(vitals),
  }
}

function difference(used: number | undefined, reserve: number | undefined): number | undefined {
  return used === undefined || reserve === undefined ? undefined : Math.max(0, used - reserve)
}

/**
 * By the policy's prefix, for there are new ones now and then. volatile-* evicts nothing where nothing expires; where
 * keys are not told it is believed to.
 */
function hasVictims({ memory: { policy }, keyspace }: Vitals): boolean {
  if (policy?.startsWith('allkeys-')) return true
  if (policy?.startsWith('volatile-') !== true) return false
  return keyspace === undefined || keyspace.some(({ expiring }) => expiring > 0)
}

import type { Clock } from '../clock.ts'

/** A node as it was looked at. */
export interface SeenNode {
  readonly node: string
  /** Another one after each start of the server. */
  readonly runId: string | undefined
  readonly keys: number | undefined
  readonly loading: boolean
  /** It writes down each change, and reads them all when it starts. */
  readonly appendOnly: boolean
  /** Milliseconds of the clock; not exact to the second. */
  readonly startedAt: number | undefined
  readonly at: number
}

// How long after a reconnect a miss is not believed where nothing else tells whether this is the Redis from before.
const doubtAfterReconnect = 2_000
const most = 1_000
// Uptime is told in seconds.
const inexact = 2_000

/**
 * Whether a miss may be believed. A Redis that came back empty has no session of anybody, and to take that for an
 * answer would log everybody out. Each miss carries the run of the server that gave it, so the first visitor after a
 * restart is enough to notice, before any look: an unknown run counts as a loss until a look shows that it kept all.
 */
export class LossGrace {
  readonly #clock: Clock
  readonly #grace: number
  readonly #runs = new Set<string>()
  readonly #nodes = new Map<string, SeenNode>()
  /** Until when unknown ids are not believed, by the run that lost them; '' where it is not known which. */
  readonly #losses = new Map<string, number>()
  readonly #severalNodes: boolean
  #doubtUntil = 0
  #looked = false
  losses = 0

  constructor(clock: Clock, grace: number, severalNodes: boolean) {
    this.#severalNodes = severalNodes
    this.#clock = clock
    this.#grace = grace
  }

  /** Milliseconds for which unknown ids are not told from lost ones; 0 where nothing was lost. */
  get left(): number {
    const now = this.#clock.now()
    let left = 0
    for (const [run, until] of this.#losses) {
      // A clock that was set back must not hold it for hours.
      if (until <= now || until - now > this.#grace) this.#losses.delete(run)
      else left = Math.max(left, until - now)
    }
    return left
  }

  /** Whether a miss that this run of a server answered may be taken for one. */
  believes(runId: string | undefined): boolean {
    if (this.#grace === 0) return true
    if (runId === undefined) return this.left === 0 && this.#clock.now() >= this.#doubtUntil
    if (!this.#runs.has(runId)) {
      if (this.#looked || this.#knowsAnother) this.#lose(runId)
      this.#remember(runId)
    }
    return this.left === 0 || !(this.#losses.has(runId) || this.#losses.has(''))
  }

  /** The connection is another one: until a look has told, it may lead to an empty Redis. */
  reconnected(): void {
    this.#doubtUntil = this.#clock.now() + doubtAfterReconnect
  }

  /** All that was stored on some node is gone. */
  emptied(): void {
    this.#lose('')
  }

  looked(nodes: readonly SeenNode[]): void {
    this.#doubtUntil = 0
    for (const node of nodes) {
      // While it loads its data nobody can say what was kept.
      if (node.loading) continue
      const before = this.#nodes.get(node.node)
      this.#nodes.set(node.node, node)
      const { runId } = node
      if (runId === undefined || before?.runId === runId) continue
      if (before?.runId !== undefined || this.#knowsAnother) {
        if (before !== undefined && keptAll(before, node)) this.#losses.delete(runId)
        else if (!this.#runs.has(runId)) this.#lose(runId)
      }
      this.#remember(runId)
    }
    this.#looked = true
  }

  /**
   * Whether this must be another run of the server that was seen before. Nothing is known at the start: what this
   * process has never seen it cannot miss. And of several nodes each has a run of its own.
   */
  get #knowsAnother(): boolean {
    return this.#runs.size > 0 && !this.#severalNodes
  }

  #lose(run: string): void {
    if (this.#grace === 0) return
    this.losses += 1
    const until = this.#clock.now() + this.#grace
    // Which of so many has lost what is not told apart any more: no run is believed.
    if (this.#losses.size >= most) {
      this.#losses.clear()
      this.#losses.set('', until)
    }
    this.#losses.set(run, until)
  }

  #remember(runId: string): void {
    // Each start of a server is one; so many only where something is very wrong, and then the oldest are of no use.
    if (this.#runs.size >= most) this.#runs.clear()
    this.#runs.add(runId)
  }
}

/**
 * There is a reason why it would have: it reads all changes when it starts, or it is a replica that was there all along.
 * A snapshot may be an older one. And most keys are there: some may have ended meanwhile, and some are new.
 */
function keptAll(before: SeenNode, now: SeenNode): boolean {
  const wasThere = now.startedAt !== undefined && now.startedAt < before.at - inexact
  if (!now.appendOnly && !wasThere) return false
  return before.keys !== undefined && now.keys !== undefined && now.keys > 0 && now.keys >= before.keys / 2
}

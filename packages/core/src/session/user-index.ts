import type { Clock } from '../clock.ts'
import type { Budget } from '../redis/budget.ts'
import * as scripts from '../redis/session-scripts.ts'
import type { IndexedSession } from './home.ts'
import type { SessionCommands } from './session-commands.ts'
import type { SessionKeys } from './session-keys.ts'

// An entry whose session is not there yet belongs to a login under way.
const underWay = 60_000
const together = 64
// One ZREM with more would hold up the others; Lua's unpack has a bound too.
const mostAtOnce = 500

/**
 * The sessions of each user, as a sorted set by creation. It lives as long as a session may at most, entries from before
 * that leave with the next login, listing or touch, and what it lost is put back when its session is next touched.
 */
export class UserIndex {
  readonly #commands: SessionCommands
  readonly #keys: SessionKeys
  readonly #clock: Clock
  readonly #absoluteTimeout: number

  constructor(commands: SessionCommands, keys: SessionKeys, clock: Clock, absoluteTimeout: number) {
    this.#commands = commands
    this.#keys = keys
    this.#clock = clock
    this.#absoluteTimeout = absoluteTimeout
  }

  async enlist(
    user: string,
    handle: string,
    createdAt: number,
    ttl: number,
    budget: Budget,
  ): Promise<IndexedSession[]> {
    const args = [handle, createdAt, Math.ceil(ttl), this.#cutoff]
    const keys = [this.#keys.index(user)]
    return toIndexed(await this.#commands.grow(scripts.enlistSession, keys, args, budget, handle.length, () => true))
  }

  async delist(user: string, handles: readonly string[], budget: Budget): Promise<void> {
    for (let start = 0; start < handles.length; start += mostAtOnce) {
      const some = handles.slice(start, start + mostAtOnce)
      await this.#commands.write(scripts.delistSessions, [this.#keys.index(user)], some, budget)
    }
  }

  async list(user: string, budget: Budget): Promise<IndexedSession[]> {
    return toIndexed(await this.#commands.write(scripts.listSessions, [this.#keys.index(user)], [this.#cutoff], budget))
  }

  /** Those of a list that live, or are about to; the others leave the index. */
  async living(user: string, listed: readonly IndexedSession[], budget: Budget): Promise<IndexedSession[]> {
    const young = this.#clock.now() - underWay
    const living: IndexedSession[] = []
    const dead: string[] = []
    for (let start = 0; start < listed.length; start += together) {
      const some = listed.slice(start, start + together)
      const lives = await Promise.all(some.map(({ handle }) => this.#life(handle, budget)))
      for (const [index, one] of some.entries()) {
        if ((lives[index] ?? 0) >= 0 || one.createdAt > young) living.push(one)
        else dead.push(one.handle)
      }
    }
    // Where this fails whoever lists next finds them again.
    if (dead.length > 0) await this.delist(user, dead, budget).catch(() => {})
    return living
  }

  /** Redis may have evicted the entry; the session lives on, and must not escape its index. Nobody waits for this. */
  relist(user: string, handle: string, createdAt: number): void {
    if (!this.#commands.link.gate.open) return
    const args = [handle, createdAt, Math.ceil(this.#absoluteTimeout), this.#cutoff]
    void this.#commands
      .write(scripts.relistSession, [this.#keys.index(user)], args, this.#commands.ownBudget())
      .catch(() => {})
  }

  get #cutoff(): number {
    return this.#clock.now() - this.#absoluteTimeout
  }

  async #life(handle: string, budget: Budget): Promise<number> {
    return Number(await this.#commands.read(scripts.lifeOfSession, [this.#keys.session(handle)], [], budget))
  }
}

/** Of handles and scores by turns. */
function toIndexed(reply: unknown): IndexedSession[] {
  const parts = reply as readonly Buffer[]
  const listed: IndexedSession[] = []
  for (let index = 0; index + 1 < parts.length; index += 2) {
    listed.push({ handle: String(parts[index]), createdAt: Math.floor(Number(parts[index + 1])) })
  }
  return listed
}

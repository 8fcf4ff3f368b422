import { invalidation, invalidations } from '../coherence/messages.ts'
import type { KeySpace } from '../entry/key.ts'
import type { Policy } from '../options/policy.ts'
import type { Budget } from '../redis/budget.ts'
import type { EntryKeys } from '../redis/commands.ts'
import { classify, isRefusedWrite } from '../redis/trouble.ts'
import type { WriteRemote } from './write-through.ts'

/** Makes Redis and the other processes forget keys. What Redis does not take is remembered, and replayed. */
export class Invalidating {
  readonly #remote: WriteRemote
  readonly #id: string
  readonly #keys: KeySpace
  readonly #longestLife: number

  constructor(remote: WriteRemote, id: string, keys: KeySpace, policy: Policy) {
    this.#remote = remote
    this.#id = id
    this.#keys = keys
    this.#longestLife = policy.ttl + Math.max(policy.staleIfError, policy.staleWhileRevalidate)
  }

  /** The news of a key; none where they are told later, together with others. */
  message(key: string, news: string[] | undefined): string {
    news?.push(key)
    return news === undefined ? invalidation(this.#remote.sender, this.#id, key) : ''
  }

  async one(key: string, budget: Budget, news?: string[]): Promise<void> {
    const { commands, channel } = this.#remote
    const message = this.message(key, news)
    await this.#drop([key], () => commands.invalidate(this.keysOf(key), channel, message, budget))
  }

  async many(keys: readonly string[]): Promise<void> {
    const { commands, channel, sender } = this.#remote
    const messages = invalidations(sender, this.#id, keys)
    const entries = keys.map((key) => this.keysOf(key))
    await this.#drop(keys, () => commands.invalidateMany(entries, channel, messages, commands.budget()))
  }

  /** Tells the others of keys whose news were held back. */
  async tell(keys: readonly string[]): Promise<void> {
    const { commands, channel, sender } = this.#remote
    try {
      for (const message of invalidations(sender, this.#id, keys)) await commands.publish(channel, message)
    } catch (error) {
      this.failed(keys, error)
    }
  }

  /** Tells of a key that Redis did not take. Rejects while it still does not. */
  async replay(key: string): Promise<void> {
    const { commands, channel } = this.#remote
    await commands.invalidate(this.keysOf(key), channel, this.message(key, undefined), commands.budget())
  }

  /** Redis is not to be believed for these keys until it has taken them. */
  failed(keys: readonly string[], error: unknown): void {
    const trouble = classify(error)
    if (isRefusedWrite(trouble)) this.#remote.gate.noteRefusal(trouble)
    this.#remember(keys)
  }

  keysOf(key: string): EntryKeys {
    return { value: this.#keys.value(key), lease: this.#keys.lease(key) }
  }

  async #drop(keys: readonly string[], send: () => Promise<void>): Promise<void> {
    const { account, gate } = this.#remote
    for (const key of keys) account.gone(key)
    try {
      const outcome = gate.refusesDeletions ? await gate.run('essential', send) : await send()
      if (outcome !== undefined) this.#remember(keys)
    } catch (error) {
      this.failed(keys, error)
    }
  }

  #remember(keys: readonly string[]): void {
    for (const key of keys) this.#remote.pending.add(this.#id, key, this.#longestLife)
  }
}

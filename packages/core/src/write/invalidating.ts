import { invalidation, invalidations } from '../coherence/messages.ts'
import type { CopyNames } from '../entry/copy-names.ts'
import type { EntryKeys, KeySpace } from '../entry/key.ts'
import type { Policy } from '../options/policy.ts'
import { type Budget, Deadline } from '../redis/budget.ts'
import { classify, isRefusedWrite } from '../redis/trouble.ts'
import type { WriteRemote } from './write-through.ts'

/** Makes Redis and the other processes forget keys. What Redis does not take is remembered, and replayed. */
export class Invalidating {
  readonly #remote: WriteRemote
  readonly #id: string
  readonly #keys: KeySpace
  readonly #longestLife: number
  readonly #copies: CopyNames | undefined

  constructor(remote: WriteRemote, id: string, keys: KeySpace, policy: Policy, copies: CopyNames | undefined) {
    this.#remote = remote
    this.#id = id
    this.#keys = keys
    this.#copies = copies
    this.#longestLife = policy.ttl + Math.max(policy.staleIfError, policy.staleWhileRevalidate)
  }

  /** The news of a key; none where they are told later, together with others. */
  messages(key: string, news: string[] | undefined): string[] {
    news?.push(key)
    return news === undefined ? [invalidation(this.#remote.sender, this.#id, key)] : []
  }

  /**
   * Changes the originals, then drops their copies, then tells: a copy made between the first two is void, and whoever
   * heard of it sooner could still find an older copy and keep it. Without copies the change itself tells.
   */
  async throughCopies<T>(
    keys: readonly string[],
    messages: readonly string[],
    budget: Budget,
    change: (messages: readonly string[]) => Promise<T>,
  ): Promise<T> {
    const copies = this.#copies
    if (copies === undefined) return await change(messages)
    const { commands, entries } = this.#remote
    const dropCopies = (within: Budget) => {
      const names = keys.flatMap((key) => copies.of(key))
      return entries.unlinkEntries(names, within)
    }
    let changed: T
    try {
      changed = await change([])
    } catch (error) {
      // It will be replayed. Meanwhile the nodes that answer need not go on to serve what is older; nobody waits for that.
      dropCopies(commands.budget()).catch(() => {})
      throw error
    }
    try {
      await dropCopies(budget)
    } finally {
      await this.#publish(messages, budget.left)
    }
    return changed
  }

  async one(key: string, budget: Budget, news?: string[]): Promise<void> {
    const messages = this.messages(key, news)
    await this.#drop([key], () => this.#invalidate(key, messages, budget))
  }

  async many(keys: readonly string[]): Promise<void> {
    const { commands, entries, channel, sender } = this.#remote
    const messages = invalidations(sender, this.#id, keys)
    const names = keys.map((key) => this.keysOf(key))
    const budget = new Deadline(commands.budget().left)
    await this.#drop(keys, () =>
      this.throughCopies(keys, messages, budget, (own) => entries.invalidateMany(names, channel, own, budget)),
    )
  }

  /** Tells the others of keys whose news were held back. */
  async tell(keys: readonly string[]): Promise<void> {
    try {
      await this.#publish(invalidations(this.#remote.sender, this.#id, keys))
    } catch (error) {
      this.failed(keys, error)
    }
  }

  /** Tells of a key that Redis did not take. Rejects while it still does not. */
  async replay(key: string): Promise<void> {
    await this.#invalidate(key, this.messages(key, undefined), this.#remote.commands.budget())
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

  async #invalidate(key: string, messages: readonly string[], budget: Budget): Promise<void> {
    const { entries, channel } = this.#remote
    await this.throughCopies([key], messages, budget, ([message = '']) =>
      entries.invalidate(this.keysOf(key), channel, message, budget),
    )
  }

  /** As the scripts do it: who has no right to the channel has his writes done. */
  async #publish(messages: readonly string[], deadline?: number): Promise<void> {
    const { commands, channel } = this.#remote
    for (const message of messages) {
      try {
        await commands.publish(channel, message, deadline)
      } catch (error) {
        if (classify(error) !== 'noperm') throw error
      }
    }
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

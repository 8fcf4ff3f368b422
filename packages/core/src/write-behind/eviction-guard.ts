import { EvictionPolicyError } from '../errors.ts'
import type { Logger } from '../options/logger.ts'
import type { StreamCommands } from '../redis/stream-commands.ts'

/**
 * Whether Redis may throw away what waits. Nothing is appended before that is known: the first write asks, and where it
 * gets no answer it goes the way of a Redis that is away.
 */
export class EvictionGuard {
  readonly #namespace: string
  readonly #streams: Pick<StreamCommands, 'evictionPolicy'>
  readonly #logger: Logger
  readonly #allowed: boolean
  #known = false
  /** The policy that may evict the stream. */
  #evicting: string | undefined
  #asking: Promise<void> | undefined
  #told = false

  constructor(namespace: string, streams: Pick<StreamCommands, 'evictionPolicy'>, logger: Logger, allowed: boolean) {
    this.#namespace = namespace
    this.#streams = streams
    this.#logger = logger
    this.#allowed = allowed
    this.#known = allowed
  }

  /** Whether it is known that what is appended stays. */
  get safe(): boolean {
    return this.#known && this.#evicting === undefined
  }

  /** @throws EvictionPolicyError; nothing where it cannot be told now, and `safe` stays false */
  async assert(): Promise<void> {
    if (!this.#known) await this.ask()
    if (this.#evicting !== undefined) throw new EvictionPolicyError(this.#namespace, this.#evicting)
  }

  /** Asks Redis again: somebody may have changed its policy. */
  async ask(): Promise<void> {
    if (this.#allowed) return
    this.#asking ??= this.#ask().finally(() => {
      this.#asking = undefined
    })
    await this.#asking
  }

  async #ask(): Promise<void> {
    let policy: string | undefined
    try {
      policy = await this.#streams.evictionPolicy()
    } catch (error) {
      // A reply, if only that we may not know. All else is no answer.
      if (!(error instanceof Error) || error.name !== 'ReplyError' || !/^(NOPERM|ERR)/.test(error.message)) return
    }
    this.#known = true
    const evicting = policy?.startsWith('allkeys-') ? policy : undefined
    if (evicting !== this.#evicting && evicting !== undefined) {
      const { message } = new EvictionPolicyError(this.#namespace, evicting)
      this.#logger.error({ namespace: this.#namespace, policy: evicting }, `write-behind refuses to write: ${message}`)
    }
    if (policy === undefined && !this.#told) {
      this.#told = true
      this.#logger.warn(
        { namespace: this.#namespace },
        'write-behind: Redis does not tell its eviction policy; see that it is not allkeys-*',
      )
    }
    this.#evicting = evicting
  }
}

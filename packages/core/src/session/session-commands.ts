import { type Budget, Deadline } from '../redis/budget.ts'
import type { Script } from '../redis/session-scripts.ts'
import { classify, isRefusedWrite } from '../redis/trouble.ts'
import type { RedisLink } from '../redis-link.ts'
import { refused, unreachable } from './unavailable.ts'

type Arguments = readonly (string | number | Buffer)[]

/** What sessions ask of their Redis. All of it rejects with SessionsUnavailableError where Redis is in trouble. */
export class SessionCommands {
  readonly link: RedisLink
  readonly #commandTimeout: number

  constructor(link: RedisLink, commandTimeout: number) {
    this.link = link
    this.#commandTimeout = commandTimeout
  }

  /** For what nobody waits for. */
  ownBudget(): Budget {
    return new Deadline(this.#commandTimeout)
  }

  read(script: Script, keys: readonly string[], args: Arguments, budget: Budget): Promise<unknown> {
    return this.#settle(() => this.link.commands.readByScript(script, keys, args, budget))
  }

  /** A write that a full Redis takes too: it makes nothing larger. */
  write(script: Script, keys: readonly string[], args: Arguments, budget: Budget): Promise<unknown> {
    return this.#settle(() => this.link.commands.writeByScript(script, keys, args, budget))
  }

  /** A write that makes Redis larger, and passes its write gate. `wrote` tells of a reply whether it proves that Redis takes writes. */
  async grow(
    script: Script,
    keys: readonly string[],
    args: Arguments,
    budget: Budget,
    bytes: number,
    wrote: (reply: unknown) => boolean,
  ): Promise<unknown> {
    const write = () => this.link.commands.writeByScript(script, keys, args, budget)
    const reply = await this.#settle(() => this.link.gate.run('essential', write, wrote, bytes))
    if (reply === 'withheld' || reply === 'refused') throw refused(this.link)
    return reply
  }

  unlink(key: string, budget = this.ownBudget()): Promise<boolean> {
    return this.#settle(() => this.link.commands.unlink(key, budget))
  }

  async *keyPages(pattern: string): AsyncGenerator<readonly string[]> {
    try {
      yield* this.link.commands.keyPages(pattern)
    } catch (error) {
      throw unreachable(this.link, error)
    }
  }

  /** Trouble in the words of sessions. */
  async #settle<T>(command: () => Promise<T>): Promise<T> {
    try {
      return await command()
    } catch (error) {
      const trouble = classify(error)
      if (!isRefusedWrite(trouble)) throw unreachable(this.link, error)
      this.link.gate.noteRefusal(trouble)
      throw refused(this.link)
    }
  }
}

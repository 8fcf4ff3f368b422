import type { Clock, Random } from '../clock.ts'
import type { Generations } from '../coherence/generations.ts'
import type { CopyName, CopyNames } from '../entry/copy-names.ts'
import { unwrap } from '../entry/envelope.ts'
import { HotKeys } from '../local/hot-keys.ts'
import type { CopiesSettings } from '../options/copies-option.ts'
import type { Account } from '../pressure/account.ts'
import type { WriteGate } from '../pressure/write-gate.ts'
import type { RedisCommands } from '../redis/commands.ts'
import type { EntryCommands } from '../redis/entry-commands.ts'
import type { Reader } from '../redis/shared-reads.ts'
import type { Counters } from './counters.ts'
import { newToken, seenOf } from './lease.ts'

/** What copies are read and made with. */
export interface CopiesParts {
  readonly names: CopyNames
  readonly beyond: CopiesSettings['beyond']
  readonly clock: Clock
  readonly random: Random
  readonly counters: Pick<Counters, 'copyHits' | 'copyFills'>
  readonly generations: Generations | undefined
  readonly remote: {
    readonly commands: RedisCommands
    readonly entries: EntryCommands
    readonly gate: WriteGate
    readonly account: Account
    readonly channel: string
    trusts(key: string): boolean
  }
}

/** A read of an entry in Redis that says for which key. */
export interface KeyReader extends Reader {
  readonly key: string
}

// Bounds how long an older value can be seen where a writer knows of no copies, or not of so many: a release is being
// replaced by one with another `copies`.
const longestLife = 10_000
const fillLease = 2_000
const mostFills = 100

/**
 * Reads of a hot key are spread by chance over the original and its copies. A copy that is not there is made from the
 * original, under a lease of its own that every write of the key voids, and holds fresh entries only: all else is the
 * original's to tell.
 */
export class Copies {
  readonly #parts: CopiesParts
  readonly #rates: HotKeys
  readonly #filling = new Set<string>()

  constructor(parts: CopiesParts) {
    this.#parts = parts
    this.#rates = new HotKeys(parts.clock)
  }

  read(reader: KeyReader): void {
    const { names, beyond, random, remote } = this.#parts
    const { key } = reader
    this.#rates.noteRead(key)
    const place = this.#rates.perSecond(key) < beyond ? 0 : Math.floor(random() * (names.count + 1))
    if (place === 0) remote.commands.read(reader)
    else remote.commands.readInHalf(new CopyRead(this, reader, names.one(key, place - 1)))
  }

  /** @internal */
  onCopy(reader: KeyReader, copy: CopyName, bytes: Buffer | null, seconds: number): void {
    const { counters, remote } = this.#parts
    if (this.#lifeOf(bytes) > 0) {
      counters.copyHits += 1
      reader.onValue(bytes, seconds)
      return
    }
    remote.commands.readInHalf({
      redisKey: reader.redisKey,
      onValue: (original, more) => {
        reader.onValue(original, seconds + more)
        if (this.#lifeOf(original) > 0) void this.#fill(reader, copy, bytes)
      },
      onTrouble: (error) => reader.onTrouble(error),
    })
  }

  /** @internal Its node is in trouble; that of the original need not be. */
  onTrouble(reader: KeyReader): void {
    this.#parts.remote.commands.readInHalf(reader)
  }

  /** How long an entry may stand as a copy, in milliseconds; 0 where it may not. */
  #lifeOf(bytes: Buffer | null): number {
    const { clock, generations } = this.#parts
    if (bytes === null) return 0
    const entry = unwrap(bytes)
    if (typeof entry === 'string' || generations?.believes(bytes, entry.stampsAt) === false) return 0
    return Math.max(0, Math.min(longestLife, Math.floor(entry.freshUntil - clock.now())))
  }

  /** `seen`: what was found in the place of the copy. */
  async #fill({ key, redisKey }: KeyReader, copy: CopyName, seen: Buffer | null): Promise<void> {
    const { counters, remote } = this.#parts
    const { commands, entries, gate, account, channel } = remote
    if (this.#filling.has(copy.value) || this.#filling.size >= mostFills) return
    this.#filling.add(copy.value)
    try {
      const token = newToken()
      const budget = commands.budget()
      const lease = await gate.run(
        account.claim(),
        () => entries.acquireLease(copy, token, fillLease, seenOf(seen), false, budget),
        ({ kind }) => kind === 'acquired',
      )
      if (typeof lease === 'string' || lease.kind !== 'acquired') return
      // Anew: what was read before there was a lease may have been written over since, and nothing would have told.
      const original = await this.#read(redisKey)
      const life = this.#lifeOf(original)
      // The lease is left to its end: whoever comes next would find no more than this.
      if (original === null || life === 0 || !remote.trusts(key)) return
      const stored = await gate.run(
        'essential',
        () => entries.storeUnderLease(copy, token, original, life, channel, '', budget),
        () => true,
        original.length,
      )
      if (stored === true) counters.copyFills += 1
    } catch {
      // Whoever reads next tries again.
    } finally {
      this.#filling.delete(copy.value)
    }
  }

  #read(redisKey: string): Promise<Buffer | null> {
    return new Promise((resolve, reject) => {
      this.#parts.remote.commands.read({ redisKey, onValue: resolve, onTrouble: reject })
    })
  }
}

/** A class, so that a hit of a copy makes one more object and no closures. */
class CopyRead implements Reader {
  readonly redisKey: string
  readonly #copies: Copies
  readonly #reader: KeyReader
  readonly #copy: CopyName

  constructor(copies: Copies, reader: KeyReader, copy: CopyName) {
    this.redisKey = copy.value
    this.#copies = copies
    this.#reader = reader
    this.#copy = copy
  }

  onValue(bytes: Buffer | null, seconds: number): void {
    this.#copies.onCopy(this.#reader, this.#copy, bytes, seconds)
  }

  onTrouble(): void {
    this.#copies.onTrouble(this.#reader)
  }
}

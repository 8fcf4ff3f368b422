import type { Clock, Random } from '../clock.ts'
import type { Priority } from '../options/policy.ts'
import { classify, isRefusedWrite, type TroubleClass } from '../redis/trouble.ts'
import type { MemoryMode } from './mode.ts'

/** The write was not sent, or Redis refused it; either way Redis is as it was. */
export type Withheld = 'withheld' | 'refused'

/** On whose behalf a write asks; a namespace that is over its budget asks in vain until it is below. */
export type Claim = Priority | 'over-budget'

// One refused write a second tells all there is to know; the caller is spared the others.
const longestPause = 1_000
const shortestPause = 1
// Additive increase, multiplicative decrease, as TCP finds its rate: the share of `normal` writes that pass.
const gainPerSecond = 0.05
const leastShare = 0.01
const returningShare = 0.25
const sheddingShare = 0.5
// Of a value: from here on a refusal may be its size's fault alone.
const largeWrite = 131_072
const largePause = 10_000

/**
 * Decides which writes are sent to Redis.
 *
 * After a refusal (OOM, MISCONF, READONLY) one canary at a time goes out, a second apart; each success halves the pause
 * until it is gone, each refusal brings the full pause back. A full Redis that frees a little at a time is thus not met
 * by a burst that fills it again. Then `essential` writes pass at once, a growing share of the `normal` ones, and the
 * `expendable` ones when all of those do.
 *
 * Where Redis only gets full no refusal warns: the share follows the fill and its growth (`steer`), and before a limit
 * that would kill Redis nothing passes at all.
 */
export class WriteGate {
  readonly #clock: Clock
  readonly #random: Random
  readonly #onChange: () => void
  #memory: MemoryMode = 'normal'
  #refusal: TroubleClass | undefined
  #pause = 0
  #nextCanary = 0
  #canaryOut = false
  /** Share at `#shareAt`; undefined while every write passes, which spares them the arithmetic. */
  #share: number | undefined
  #shareAt = 0
  #refusedAtSteering = 0
  #tooLarge = 0
  #tooLargeUntil = 0
  /** Writes that Redis refused, and writes that were not sent. */
  refused = 0
  withheld = 0

  constructor(clock: Clock, random: Random, onChange: () => void) {
    this.#clock = clock
    this.#random = random
    this.#onChange = onChange
  }

  /** Why Redis refuses writes, or undefined while it does not. */
  get refusal(): TroubleClass | undefined {
    return this.#refusal
  }

  /** Whether `essential` writes are sent. */
  get open(): boolean {
    return this.#refusal === undefined && this.#memory !== 'read-only'
  }

  /** Whether nothing at all is sent, not even a canary: the next write would kill Redis. */
  get shut(): boolean {
    return this.#memory === 'read-only'
  }

  /** Whether all writes are sent. */
  get wide(): boolean {
    if (this.#share === undefined) return this.open
    // Where nobody wants to write what it holds back, nobody else would notice that it does so no more.
    return this.open && this.#memory !== 'shedding' && this.#shareNow() >= 1
  }

  /** The share of `normal` writes that pass: 0 to 1. */
  get admitted(): number {
    if (!this.open) return 0
    return this.#share === undefined ? 1 : this.#shareNow()
  }

  /** A full Redis still deletes; one that cannot persist, or is a replica, takes no write at all. */
  get refusesDeletions(): boolean {
    return this.#refusal !== undefined && this.#refusal !== 'oom'
  }

  /**
   * Runs the write if it may be sent. Errors other than refusals are the caller's. `wrote` tells of a result whether it
   * proves that Redis takes writes, `bytes` how large the value is.
   */
  async run<T>(
    claim: Claim,
    write: () => Promise<T>,
    wrote: (result: T) => boolean = () => true,
    bytes = 0,
  ): Promise<T | Withheld> {
    const canary = this.#refusal !== undefined
    if (this.#isTooLarge(bytes) || !this.#admits(claim)) {
      this.withheld += 1
      return 'withheld'
    }
    try {
      const result = await write()
      if (canary && wrote(result)) this.#succeeded()
      return result
    } catch (error) {
      const trouble = classify(error)
      if (!isRefusedWrite(trouble)) throw error
      this.noteRefusal(trouble, bytes)
      return 'refused'
    } finally {
      if (canary) this.#canaryOut = false
    }
  }

  /** A script met a refusal and went on: the reply was no error, but the gate must know. `bytes`: what was to be stored. */
  noteRefusal(trouble: TroubleClass, bytes = 0): void {
    this.refused += 1
    if (trouble !== 'oom' || bytes < largeWrite || this.#refusal !== undefined) {
      this.#close(trouble)
      return
    }
    // Redis counts the command itself: it may be full for this one, and have room for all the others.
    this.#tooLarge = bytes / 2
    this.#tooLargeUntil = this.#clock.now() + largePause
  }

  /** Redis would refuse a write now, as others have found: this process finds out by a canary. */
  suspect(trouble: TroubleClass): void {
    if (this.#refusal === undefined) this.#close(trouble)
  }

  /** The mode that memory calls for. */
  restrict(memory: MemoryMode): void {
    if (memory === this.#memory) return
    if (memory === 'shedding' && this.#memory !== 'read-only') this.#setShare(Math.min(sheddingShare, this.admitted))
    // Back from a limit that kills: nothing passed, and now it must not all pass at once.
    else if (this.#memory === 'read-only') this.#setShare(leastShare)
    this.#memory = memory
  }

  /** After a look at memory that calls for shedding: whether it still grows, or has been refused, decides the share. */
  steer(grows: boolean): void {
    const refused = this.refused > this.#refusedAtSteering
    this.#refusedAtSteering = this.refused
    if (this.#memory !== 'shedding') return
    if (grows || refused) this.#setShare(this.#shareNow() / 2)
  }

  /**
   * Redis is empty, and the whole fleet misses at once: what it is filled with grows from a share of the demand. A
   * smaller one where memory has killed it, for filling it at full rate would only kill it again.
   */
  warmUp(killed: boolean): void {
    this.#setShare(Math.min(killed ? returningShare : sheddingShare, this.#shareNow()))
  }

  #close(trouble: TroubleClass): void {
    this.#pause = longestPause
    this.#nextCanary = this.#clock.now() + longestPause
    this.#setShare(Math.min(returningShare, this.#shareNow()))
    const changed = this.#refusal !== trouble
    this.#refusal = trouble
    if (changed) this.#onChange()
  }

  /**
   * As large as what was refused of late. A poor canary, for its refusal tells nothing of the small ones: it is one only
   * where nobody else has wanted to be, or a cache of nothing but large values would never write again.
   */
  #isTooLarge(bytes: number): boolean {
    if (bytes < largeWrite) return false
    if (this.#refusal !== undefined) return this.#early > -longestPause
    const left = this.#tooLargeUntil - this.#clock.now()
    return bytes >= this.#tooLarge && left > 0 && left <= largePause
  }

  #admits(claim: Claim): boolean {
    if (claim === 'over-budget' || this.#memory === 'read-only') return false
    if (this.#refusal !== undefined) return this.#takeCanary(claim)
    if (claim === 'essential') return true
    if (claim === 'expendable' && this.#memory === 'shedding') return false
    if (this.#share === undefined) return true
    const share = this.#shareNow()
    if (share >= 1 && this.#memory !== 'shedding') {
      this.#share = undefined
      return true
    }
    return claim === 'normal' && this.#random() < share
  }

  #setShare(share: number): void {
    this.#share = Math.min(1, Math.max(leastShare, share))
    this.#shareAt = this.#clock.now()
  }

  #shareNow(): number {
    if (this.#share === undefined) return 1
    const now = this.#clock.now()
    // A clock that was set back must not hold it for hours.
    if (now < this.#shareAt) this.#shareAt = now
    const seconds = (now - this.#shareAt) / 1_000
    return Math.min(1, this.#share + seconds * gainPerSecond)
  }

  /** Milliseconds to the next canary. A clock that was set back must not hold it for hours. */
  get #early(): number {
    const left = this.#nextCanary - this.#clock.now()
    return left > longestPause ? 0 : left
  }

  /** An expendable write is sent where nobody else has wanted to be the canary. */
  #takeCanary(claim: Claim): boolean {
    if (this.#canaryOut || this.#early > (claim === 'expendable' ? -longestPause : 0)) return false
    this.#canaryOut = true
    return true
  }

  #succeeded(): void {
    // A refusal that came while this canary was out counts for more.
    if (this.#early > 0) return
    // Writes so rare that the pause held none of them back make no burst.
    this.#pause = this.#early <= -longestPause ? 0 : this.#pause / 2
    this.#nextCanary = this.#clock.now() + this.#pause
    if (this.#pause > shortestPause) return
    this.#refusal = undefined
    this.#setShare(Math.min(returningShare, this.#shareNow()))
    this.#onChange()
  }
}

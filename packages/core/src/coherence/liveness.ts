/** Whether the channel can be believed. `starting` is `lost` with nothing to lose yet. */
export type ChannelState = 'starting' | 'connected' | 'lost'

export const heartbeatInterval = 1_000
export const lostAfter = 3_000

/**
 * Decides from heartbeats whether writes of other processes still reach this one. Each process hears its own
 * heartbeats: they pass through Redis and back over the subscriber, as every invalidation does.
 */
export class Liveness {
  #state: ChannelState = 'starting'
  #subscribed = false
  #lastHeard = 0

  get state(): ChannelState {
    return this.#state
  }

  /** Answers true: a new subscription always means that messages may have been missed. */
  subscribed(now: number): true {
    this.#subscribed = true
    this.#lastHeard = now
    this.#state = 'connected'
    return true
  }

  closed(): void {
    this.#subscribed = false
  }

  /** A message came through. Answers true where the channel had been given up, but was only late. */
  heard(now: number): boolean {
    this.#lastHeard = now
    if (!this.#subscribed || this.#state === 'connected') return false
    this.#state = 'connected'
    return true
  }

  /** Answers true when the channel has just been lost. */
  check(now: number): boolean {
    const silence = now - this.#lastHeard
    // Less than nothing: the clock was set back, and for how long nothing was heard is not known.
    if (this.#state !== 'connected' || (silence >= 0 && silence < lostAfter)) return false
    this.#state = 'lost'
    return true
  }
}

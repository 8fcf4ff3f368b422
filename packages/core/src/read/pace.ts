const windowMilliseconds = 10_000
const markEvery = 1_000

/** How fast a count grows, over the last ten seconds, so that a pause shows and is forgotten again. */
export class Pace {
  readonly #marks: { readonly at: number; readonly count: number }[] = []

  constructor(now: number) {
    this.#marks.push({ at: now, count: 0 })
  }

  /** What it grows by in a second. */
  perSecond(now: number, count: number): number {
    const last = this.#marks.at(-1)
    if (last !== undefined && now - last.at >= markEvery) this.#marks.push({ at: now, count })
    while (this.#marks.length > 2 && now - (this.#marks[0]?.at ?? now) > windowMilliseconds) this.#marks.shift()
    const [first] = this.#marks
    if (first === undefined || now <= first.at) return 0
    return ((count - first.count) * 1_000) / (now - first.at)
  }
}

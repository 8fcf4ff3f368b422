const never = 2 ** 31 - 1

/** Hits of a cache that knows the future: it keeps what comes again the soonest (Belady, 1966). No cache does better. */
export function hitsOfOptimum(requests: Int32Array, entries: number): number {
  const next = nextRequests(requests)
  const kept = new Map<number, number>()
  const farthest = new FarthestFirst()
  let hits = 0
  for (const [index, key] of requests.entries()) {
    const again = next[index] ?? never
    if (kept.has(key)) hits += 1
    else if (again === never || !makeRoom(again)) continue
    kept.set(key, again)
    farthest.push(again, key)
  }
  return hits

  function makeRoom(again: number): boolean {
    while (kept.size >= entries) {
      const top = farthest.top()
      if (top === undefined) return false
      if (kept.get(top.key) !== top.at) farthest.pop()
      else if (top.at <= again) return false
      else {
        farthest.pop()
        kept.delete(top.key)
      }
    }
    return true
  }
}

function nextRequests(requests: Int32Array): Int32Array {
  const next = new Int32Array(requests.length)
  const seen = new Map<number, number>()
  for (let index = requests.length - 1; index >= 0; index--) {
    const key = requests[index] ?? 0
    next[index] = seen.get(key) ?? never
    seen.set(key, index)
  }
  return next
}

/** A binary heap; what was replaced since stays in it and is passed over. */
class FarthestFirst {
  readonly #heap: { readonly at: number; readonly key: number }[] = []

  top(): { readonly at: number; readonly key: number } | undefined {
    return this.#heap[0]
  }

  push(at: number, key: number): void {
    const heap = this.#heap
    let index = heap.push({ at, key }) - 1
    while (index > 0) {
      const parent = (index - 1) >> 1
      if (this.#at(parent) >= at) break
      this.#swap(index, parent)
      index = parent
    }
  }

  pop(): void {
    const heap = this.#heap
    const last = heap.pop()
    if (last === undefined || heap.length === 0) return
    heap[0] = last
    for (let index = 0; ; ) {
      const left = 2 * index + 1
      const child = this.#at(left + 1) > this.#at(left) ? left + 1 : left
      if (this.#at(child) <= last.at) return
      this.#swap(index, child)
      index = child
    }
  }

  #at(index: number): number {
    return this.#heap[index]?.at ?? -1
  }

  #swap(left: number, right: number): void {
    const heap = this.#heap
    const [one, other] = [heap[left], heap[right]]
    if (one === undefined || other === undefined) return
    heap[left] = other
    heap[right] = one
  }
}

export interface Keys {
  readonly prefix: string
  readonly count: number
}

export function allKeys({ prefix, count }: Keys): string[] {
  return Array.from({ length: count }, (_, index) => `${prefix}-${index}`)
}

/** Draws keys at random, but the same for every library: mulberry32, seeded. */
export function picker(keys: readonly string[], seed: number): () => string {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return keys[((mixed ^ (mixed >>> 14)) >>> 0) % keys.length] as string
  }
}

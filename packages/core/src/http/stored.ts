import type { Staleness } from '../options/namespace-options.ts'
import type { Lifetime } from './freshness.ts'

/*
 * What the namespace holds. Classes, because the local tier hands out instances as they are, where it would clone
 * a plain object that has a buffer for every hit.
 */
export type Stored = StoredReply | Variants | Unshared | VariantRegister

export type StoredHeaders = Readonly<Record<string, string | readonly string[]>>

export interface ReplyParts extends Lifetime {
  readonly key: string
  readonly status: number
  readonly headers: StoredHeaders
  /** How long after its end it is kept for the handler to say that it is still right, in milliseconds. */
  readonly revalidatableFor: number
  readonly body: Buffer
}

/** A whole reply with its times. */
export class StoredReply implements ReplyParts {
  /** The key that it was stored under: an entry that stands in another's place is recognised. */
  readonly key: string
  readonly status: number
  readonly headers: StoredHeaders
  readonly bornAt: number
  readonly freshFor: number
  readonly staleWhileRevalidate: number
  readonly staleIfError: number
  readonly revalidatableFor: number
  readonly body: Buffer

  constructor(parts: ReplyParts) {
    this.key = parts.key
    this.status = parts.status
    this.headers = parts.headers
    this.bornAt = parts.bornAt
    this.freshFor = parts.freshFor
    this.staleWhileRevalidate = parts.staleWhileRevalidate
    this.staleIfError = parts.staleIfError
    this.revalidatableFor = parts.revalidatableFor
    this.body = parts.body
  }

  get freshUntil(): number {
    return this.bornAt + this.freshFor
  }

  get kept(): number {
    return this.revalidatableFor
  }
}

/**
 * Stands in a URL's place where its replies differ by request headers. The replies stand under keys of their own which
 * hold `generation`: once this is gone, none of them can be reached any more.
 */
export class Variants {
  readonly generation: string
  readonly names: readonly string[]

  constructor(generation: string, names: readonly string[]) {
    this.generation = generation
    this.names = names
  }
}

/** The reply turned out to be for its own client alone: for a moment everybody goes to the handler without waiting. */
export class Unshared {}

/** Which variants of a generation there are, by their hashes. */
export class VariantRegister {
  readonly hashes: readonly string[]

  constructor(hashes: readonly string[]) {
    this.hashes = hashes
  }
}

const none: Staleness = { staleWhileRevalidate: 0, staleIfError: 0 }

export function stalenessOfStored(stored: Stored): Staleness {
  return stored instanceof StoredReply ? stored : none
}

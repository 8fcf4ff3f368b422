import type { Namespace } from '../namespace.ts'
import type { LoadContext } from '../options/namespace-options.ts'
import type { Stored } from './stored.ts'

/** What one get came to: a value, or the load itself, handed to the request that asked. */
export type Handed =
  | { readonly kind: 'value'; readonly value: Stored | undefined }
  | { readonly kind: 'nothing' }
  | { readonly kind: 'load'; readonly load: HandedLoad }

/** A load that a request does in the foreground. One of its methods must be called, once. */
export interface HandedLoad {
  /** The older value, where there is one. */
  readonly stale: Stored | undefined
  /** Stores the value for so many milliseconds and answers with it all who wait. */
  store(value: Stored, ttl: number): void
  /** There is nothing to store: those who wait get nothing. */
  skip(): void
  /** Those who wait get the older value where it allows that, else nothing. */
  fail(error: Error): void
}

/**
 * One get of the namespace whose `load` is the asking request itself: only it has a client, a handler and a reply. A
 * value is held back until it is known that this get has not to load, because the one who refreshes must not be
 * answered. Never rejects: a get that fails comes to nothing.
 */
export function getOrTakeLoad(namespace: Namespace<Stored>, key: string, wait: number): Promise<Handed> {
  return new Promise((resolve) => {
    let ended = false
    let othersLoad = false
    let held: Handed | undefined
    const end = (handed: Handed) => {
      ended = true
      resolve(handed)
    }
    const load = (_key: string, context: LoadContext<Stored>) => {
      // The request has been answered, so nobody is there to load: the next one will.
      if (ended) return leaveAsItIs(context)
      return new Promise<Stored | undefined>((store, fail) =>
        end({ kind: 'load', load: handOver(context, store, fail) }),
      )
    }
    const onDropOut = () => {
      othersLoad = true
      if (held !== undefined && !ended) end(held)
    }
    namespace.get(key, { load, onDropOut, timeout: wait }).then(
      (value) => {
        if (ended) return
        const handed: Handed = { kind: 'value', value }
        if (othersLoad) end(handed)
        else held = handed
      },
      () => {
        if (!ended) end({ kind: 'nothing' })
      },
    )
  })
}

function leaveAsItIs(context: LoadContext<Stored>): Stored | undefined {
  context.skip()
  return context.stale
}

function handOver(
  context: LoadContext<Stored>,
  store: (value: Stored | undefined) => void,
  fail: (error: Error) => void,
): HandedLoad {
  return {
    stale: context.stale,
    store(value, ttl) {
      context.ttl(Math.max(1, Math.ceil(ttl)))
      store(value)
    },
    skip() {
      context.skip()
      store(undefined)
    },
    fail,
  }
}

import { type Clock, type Random, sleep } from '../clock.ts'
import { UpdateConflictError, UpdateTimeoutError } from '../errors.ts'
import type { WriteCall } from './write-through.ts'

// Milliseconds between attempts, each drawn anew from none to these.
const firstPause = 10
const longestPause = 250

/** The right to update a key while nobody else does. */
export interface Turn {
  /** Whether it is still held, as far as Redis knows. */
  confirm(): Promise<boolean>
  leave(): void
}

export interface UpdateParts<V> {
  readonly name: string
  readonly clock: Clock
  readonly random: Random
  /** @throws UpdateTimeoutError, SourceOverloadedError, LeaseUnavailableError */
  enter(key: string, until: number, wait: number, withoutLease: boolean): Promise<Turn>
  /** The value in the source. */
  read(key: string): Promise<V | undefined>
  write(key: string, value: V, call: WriteCall): Promise<void>
}

export interface UpdateCall {
  /** Milliseconds. */
  readonly wait: number
  readonly withoutLease: boolean
  readonly signal: AbortSignal | undefined
}

/** Read, change, write, with nobody in between: one process and one call at a time holds the key's update lease. */
export async function update<V>(
  parts: UpdateParts<V>,
  key: string,
  change: (value: V | undefined) => Promise<V | undefined> | V | undefined,
  { wait, withoutLease, signal }: UpdateCall,
): Promise<V | undefined> {
  const { clock } = parts
  const until = clock.now() + wait
  let conflict: unknown
  let attempts = 0
  do {
    await rest(parts, attempts++, until)
    const turn = await parts.enter(key, until, wait, withoutLease)
    try {
      signal?.throwIfAborted()
      const value = await parts.read(key)
      const replaces = copyOf(value)
      const changed = await change(value)
      if (changed === undefined) return value
      // A lease can be evicted like any key: whoever took it since may have read what this is about to replace.
      if (await turn.confirm()) {
        await parts.write(key, changed, { signal, replaces })
        return changed
      }
    } catch (error) {
      if (!(error instanceof UpdateConflictError)) throw error
      conflict = error
    } finally {
      turn.leave()
    }
  } while (clock.now() < until)
  throw conflict ?? new UpdateTimeoutError(parts.name, wait)
}

/** The first conflict is somebody else's luck; more of them are a crowd at one row, which must thin out. */
async function rest<V>({ clock, random }: UpdateParts<V>, attempts: number, until: number): Promise<void> {
  if (attempts < 2) return
  const longest = Math.min(longestPause, firstPause * 2 ** (attempts - 2))
  const pause = Math.min(random() * longest, until - clock.now())
  if (pause > 0) await sleep(clock, pause)
}

/** Of our own: `change` may work on the value that it is given, and `save` compares what was there before. */
function copyOf<V>(value: V): V {
  try {
    return structuredClone(value)
  } catch {
    return value
  }
}

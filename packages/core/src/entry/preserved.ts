import { ValueNotPreservedError } from '../errors.ts'
import type { Codec } from './codec.ts'
import { findDifference } from './difference.ts'

/** For development: a value that a hit would return differently is refused on the miss, where it can be mended. */
export async function assertPreserved<V>(codec: Codec<V>, value: V, namespace: string): Promise<void> {
  let difference: string | undefined
  try {
    const back = await codec.roundTrip(value)
    difference =
      typeof back === 'string' ? `value: it does not fit the schema (${back})` : findDifference(value, back.value)
  } catch (error) {
    difference = error instanceof Error ? error.message : String(error)
  }
  if (difference !== undefined) throw new ValueNotPreservedError(namespace, difference)
}

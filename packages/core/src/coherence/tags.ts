import { InvalidArgumentError } from '../errors.ts'
import { absentSlot, slotOf } from './generation-table.ts'

export type TagsOf<V> = (key: string, value: V) => readonly string[]

const mostTags = 32
const longestTag = 1_024

/** @throws InvalidArgumentError for anything but a string of 1 to 1,024 characters. */
export function assertTag(tag: unknown): asserts tag is string {
  if (typeof tag !== 'string' || tag.length === 0 || tag.length > longestTag) {
    throw new InvalidArgumentError('tag', `expected a string of 1 to ${longestTag} characters`)
  }
}

/**
 * The slots of a value's tags.
 *
 * @throws InvalidArgumentError where `tags` returns anything but up to 32 tags, or what it throws
 */
export function slotsOf<V>(tags: TagsOf<V> | undefined, key: string, value: V | undefined): readonly number[] {
  if (tags === undefined) return none
  if (value === undefined) return absent
  const found = tags(key, value)
  if (!Array.isArray(found) || found.length > mostTags) {
    throw new InvalidArgumentError('tags', `expected it to return an array of up to ${mostTags} tags`)
  }
  const slots = new Set<number>()
  for (const tag of found) {
    assertTag(tag)
    slots.add(slotOf(tag))
  }
  return [...slots]
}

const none: readonly number[] = []
const absent: readonly number[] = [absentSlot]

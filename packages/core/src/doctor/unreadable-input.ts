import { PlimsollError } from '../errors.ts'

/**
 * A file that the command was given is not what it should be. The message is one line to stand behind the option's
 * name, and repeats nothing of the content.
 */
export class UnreadableInputError extends PlimsollError {
  readonly code = 'PLIMSOLL_UNREADABLE_INPUT'
}

/** What is read of one file at most: parsing is done in memory. */
export const largestInput = 10 * 1024 ** 2

/** @throws UnreadableInputError for more than `largestInput` characters, or none. */
export function assertReadable(text: string): void {
  if (text.length > largestInput) throw new UnreadableInputError('is larger than 10 MiB')
  if (text.trim() === '') throw new UnreadableInputError('is empty')
}

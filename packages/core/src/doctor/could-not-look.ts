/** Redis could not be looked at. The message is one line: where, what is wrong and what to do; it holds no password. */
export class CouldNotLook extends Error {
  override readonly name = 'CouldNotLook'
}

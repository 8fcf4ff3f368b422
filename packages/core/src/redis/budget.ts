/**
 * What one call may still wait for Redis, over all its commands together. Handed from command to command, so that
 * five slow replies cost one deadline and not five.
 */
export class Budget {
  left: number

  constructor(milliseconds: number) {
    this.left = milliseconds
  }

  spend(milliseconds: number): void {
    this.left = Math.max(0, this.left - milliseconds)
  }
}

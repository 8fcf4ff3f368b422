import type { StoredSession } from '@plimsoll/core/session'

/** What is known of the session of one request; `request.plimsoll`. */
export class RequestSession {
  /** The id that the client presented, its signature verified, or that of the session which replaced it. */
  id: string | undefined
  /** As it was loaded or last saved; undefined: it is new and was never stored. */
  stored: StoredSession | undefined
  /** Why the session could not be loaded, or can only be read. */
  trouble: Error | undefined
  /** Why something that the handler did to the session could not be kept. */
  failure: Error | undefined
  /** The handler was told of the failure: its error page is the answer to it. */
  told = false
  /** The reply is on its way out, and the framework saves by itself. */
  sending = false
  /** The client keeps the cookie that it has. */
  keepsCookie = false
  /** The handler looked into a session that could not be loaded, and may have failed for what was not there. */
  readInVain = false
  /** Somebody asked for what tells users apart. */
  used = false

  /** The session could not be loaded: it is empty or read-only, and what is changed in it is refused. */
  get degraded(): boolean {
    this.used = true
    return this.trouble !== undefined
  }

  /** Who is logged in. */
  get user(): string | undefined {
    this.used = true
    return this.stored?.user
  }

  saved(id: string, stored: StoredSession | undefined): void {
    this.id = id
    this.stored = stored
    this.failure = undefined
    this.keepsCookie = false
  }

  /** Answers the error, to be thrown or told. */
  failed(error: Error, told: boolean): Error {
    this.failure = error
    this.told = told
    this.keepsCookie = true
    return error
  }

  ended(): void {
    this.id = undefined
    this.stored = undefined
    this.trouble = undefined
    this.failure = undefined
    this.keepsCookie = false
  }
}

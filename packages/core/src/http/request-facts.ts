import type { RawHeaders } from './header-fields.ts'

/** What an adapter knows of a request. */
export interface RequestFacts {
  readonly method: string
  readonly scheme: 'http' | 'https'
  /** As the client sent it. */
  readonly host: string | undefined
  /** Path and query in full, as sent: Express calls it `originalUrl`. */
  readonly target: string
  /** Names in any case. */
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>
}

/** What a handler answered. */
export interface HandlerReply {
  readonly status: number
  readonly headers: RawHeaders
  /** Undefined: larger than `maxBodyBytes`, sent on and not kept. */
  readonly body: Buffer | undefined
  /** The handler read or changed the session, or looked at anything else that tells users apart. */
  readonly personal: boolean
}

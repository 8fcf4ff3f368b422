import { randomBytes, timingSafeEqual } from 'node:crypto'

/** A token for the forms of one session: another site can make a browser post, but cannot know it. */
export function newFormToken(): string {
  return randomBytes(24).toString('base64url')
}

export function isFormToken(given: unknown, expected: string | undefined): boolean {
  if (typeof given !== 'string' || expected === undefined) return false
  const [one, other] = [Buffer.from(given), Buffer.from(expected)]
  return one.length === other.length && timingSafeEqual(one, other)
}

/**
 * Whether a form was sent from a page of this very host. For the login form: who has not logged in has no session, and
 * so no token, and costs Redis nothing. Every browser sends Origin with a POST.
 */
export function isSameOrigin(headers: {
  readonly origin?: string | undefined
  readonly host?: string | undefined
}): boolean {
  if (headers.origin === undefined || !URL.canParse(headers.origin)) return false
  return new URL(headers.origin).host === headers.host
}

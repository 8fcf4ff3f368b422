import { expect, test } from 'vitest'
import { isPageHeader } from './page-headers.ts'

test.each(['content-type', 'content-length', 'content-encoding', 'etag', 'location', 'set-cookie', 'cache-control'])(
  '%s goes with its page',
  (name) => expect(isPageHeader(name)).toBe(true),
)

test.each([
  'content-security-policy',
  'content-security-policy-report-only',
  'access-control-allow-origin',
  'strict-transport-security',
  'vary',
  'x-request-id',
])('%s stays', (name) => expect(isPageHeader(name)).toBe(false))

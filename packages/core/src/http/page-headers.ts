// What middleware has set for every reply (CORS, security headers) is not among them.
const ofThePage = new Set([
  'accept-ranges',
  'age',
  'cache-control',
  'etag',
  'expires',
  'last-modified',
  'location',
  'refresh',
  'set-cookie',
  'trailer',
  'transfer-encoding',
])

/** Whether a header, named in lower case, tells of the page in the reply: it goes where another reply is sent instead. */
export function isPageHeader(name: string): boolean {
  const ofContent = name.startsWith('content-') && !name.startsWith('content-security-policy')
  return ofContent || ofThePage.has(name)
}

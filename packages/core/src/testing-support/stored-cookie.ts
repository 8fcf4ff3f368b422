import fc from 'fast-check'

/** Every attribute that may be stored, and how both frameworks write them where the session ends at `expiresAt`. */
export const ordinaryCookie = {
  stored: {
    path: '/shop',
    domain: 'shop.example',
    sameSite: 'lax',
    priority: 'high',
    secure: true,
    httpOnly: true,
    partitioned: true,
    originalMaxAge: 60_000,
  },
  expiresAt: 1_900_000_000_000,
  written:
    'Domain=shop.example; Path=/shop; Expires=Sun, 17 Mar 2030 17:46:40 GMT; ' +
    'HttpOnly; Secure; Partitioned; Priority=High; SameSite=Lax',
}

/** What may stand in a store for the cookie of a session: what a framework has put there, what comes close, and anything. */
export const storedCookie: fc.Arbitrary<unknown> = fc.oneof(
  {
    weight: 9,
    arbitrary: fc.record(
      {
        path: near('/', '/shop', '/a b', '/~x', '/a;b', '/<'),
        domain: near('shop.example', '.shop.example', 'localhost', '-shop.example', 'shop..example'),
        sameSite: near('lax', 'Strict', 'none', true, false),
        priority: near('low', 'Medium', 'high'),
        secure: near(true, false, 'auto'),
        httpOnly: near(true, false),
        partitioned: near(true, false),
        originalMaxAge: near(1, 3_600_000, 0, -1, Number.POSITIVE_INFINITY, 1e300, null),
        expires: near('2030-01-01T00:00:00.000Z', null),
      },
      { requiredKeys: [] },
    ),
  },
  { weight: 1, arbitrary: fc.anything() },
)

function near(...values: readonly unknown[]): fc.Arbitrary<unknown> {
  return fc.oneof(
    { weight: 6, arbitrary: fc.constantFrom(...values) },
    { weight: 2, arbitrary: fc.string({ unit: 'binary', maxLength: 6 }).map((text) => `/${text}`) },
    { weight: 1, arbitrary: fc.string({ maxLength: 6 }) },
    { weight: 1, arbitrary: fc.double() },
    { weight: 1, arbitrary: fc.anything() },
  )
}

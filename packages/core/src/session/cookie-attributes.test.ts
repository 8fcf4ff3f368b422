import { describe, expect, test } from 'vitest'
import { writableAttributes } from './cookie-attributes.ts'

const label = 'a'.repeat(63)

const examples: Record<string, { readonly accepted: readonly unknown[]; readonly refused: readonly unknown[] }> = {
  path: { accepted: ['/', '/shop', '/a b', '', '/~x'], refused: ['/a;b', '/<', '/\n', '/é', '/\x7f', 7, null] },
  domain: {
    accepted: ['shop.example', '.shop.example', 'localhost', 'XN--80AK6AA92E.example', `${label}.example`],
    refused: ['', '.', 'shop..example', '-shop.example', 'shop-.example', 'a;b', `${label}a.example`, 'é.example', {}],
  },
  sameSite: {
    accepted: [true, false, 'lax', 'Strict', 'NONE'],
    refused: ['', 'laxer', ' lax', 1, null, ['lax']],
  },
  priority: { accepted: ['low', 'Medium', 'HIGH'], refused: ['', 'highest', true, 1, null] },
  secure: { accepted: [true, false], refused: ['auto', 'true', 1, null] },
  httpOnly: { accepted: [true, false], refused: ['true', 0, null] },
  partitioned: { accepted: [true, false], refused: ['true', 1, null] },
  originalMaxAge: {
    accepted: [1, 0.5, 3_600_000, 50 * 365 * 86_400_000],
    refused: [0, -1, Number.NaN, Number.POSITIVE_INFINITY, 100 * 365 * 86_400_000, '60', null],
  },
}

describe.each(Object.entries(examples))('%s', (name, { accepted, refused }) => {
  test.each(accepted.map((value) => [value]))('%j is let through', (value) => {
    expect(writableAttributes({ [name]: value })).toEqual({ [name]: value })
  })

  test.each(refused.map((value) => [value]))('%j is left out', (value) => {
    expect(writableAttributes({ [name]: value })).toEqual({})
  })
})

test('what is no attribute of a cookie is left out, and one that cannot be written takes no other with it', () => {
  const stored = { path: '/<', secure: true, expires: 'tomorrow', _expires: null, encode: 'x', maxAge: 5 }
  expect(writableAttributes(stored)).toEqual({ secure: true })
  expect(writableAttributes(JSON.parse('{"__proto__": {"secure": true}}'))).toEqual({})
})

test.each([[undefined], [null], ['path=/'], [7], [['/']]])('%j is no cookie', (cookie) => {
  expect(writableAttributes(cookie)).toBeUndefined()
})

import { describe } from 'vitest'
import { sessionAdapterConformance } from '../support/session-adapter-conformance.ts'

const worker = new URL('../support/session-service.express.ts', import.meta.url)

describe.each([5, 4] as const)('on Express %i', (express) => {
  sessionAdapterConformance(
    worker,
    { express },
    {
      cookies: [
        ['nonsense', 'sid=%%%'],
        ['an id without a signature', 'sid=abc'],
        ['a wrong signature', 'sid=s%3Aabc.def'],
        ['a very long one', `sid=s%3A${'a'.repeat(4_000)}.x`],
        ['an empty one', 'sid='],
        ['a hundred of them', Array.from({ length: 100 }, (_, index) => `sid=s%3A${index}.x`).join('; ')],
        ['names of prototypes', '__proto__=s%3Aa.b; constructor=s%3Aa.b; sid=s%3A__proto__.b'],
        ['quotes and spaces', 'sid="s:a b.c"; ;;=;sid'],
      ],
      outcomes: ['untouched'],
    },
  )
})

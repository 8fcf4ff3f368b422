import { sessionAdapterConformance } from '../support/session-adapter-conformance.ts'

const worker = new URL('../support/session-service.fastify.ts', import.meta.url)

sessionAdapterConformance(
  worker,
  {},
  {
    cookies: [
      ['nonsense', 'sid=%%%'],
      ['an id without a signature', 'sid=abc'],
      ['a wrong signature', 'sid=abc.def'],
      ['a very long one', `sid=${'a'.repeat(4_000)}.x`],
      ['an empty one', 'sid='],
      ['a hundred of them', Array.from({ length: 100 }, (_, index) => `sid=${index}.x`).join('; ')],
      ['names of prototypes', '__proto__=a.b; constructor=a.b; sid=__proto__.b'],
      ['quotes and spaces', 'sid="a b.c"; ;;=;sid'],
    ],
    outcomes: ['untouched', 'cleared'],
  },
)

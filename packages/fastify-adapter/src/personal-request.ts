import type { FastifyRequest } from 'fastify'
import type { RequestSession } from './request-session.ts'

// `user` is where plugins for logins put who is logged in.
const ofTheRequest = ['session', 'cookies', 'user'] as const
const ofTheHeaders = ['cookie', 'authorization'] as const
const looked = new WeakSet<FastifyRequest>()

/** From now on it is noted whether anybody looks at who is asking, or puts something else there. */
export function watchPersonal(request: FastifyRequest): void {
  // Undeclared ones too: who is logged in may be put there without a decorator.
  for (const name of ofTheRequest) watch(request, name, request)
}

/** The same for headers. Only for the time of the handler: plugins look at them for every request. */
export function watchCredentials(request: FastifyRequest): void {
  const { headers } = request.raw
  for (const name of ofTheHeaders) if (name in headers) watch(headers, name, request)
  watch(request.raw, 'rawHeaders', request)
}

/** Somebody did, so that what is replied may be meant for one user alone. */
export function isPersonal(request: FastifyRequest): boolean {
  const session = request.plimsoll as RequestSession | null | undefined
  return looked.has(request) || session?.used === true
}

function watch(target: object, name: string, request: FastifyRequest): void {
  const enumerable = name in target
  let value: unknown = Reflect.get(target, name)
  Object.defineProperty(target, name, {
    configurable: true,
    enumerable,
    get: () => {
      looked.add(request)
      return value
    },
    set: (next: unknown) => {
      looked.add(request)
      value = next
    },
  })
}

import type { Request } from 'express'

// What tells users apart. A public page that looks at one of them is not the same for everybody.
const ofTheRequest = ['session', 'sessionID', 'user', 'auth', 'cookies', 'signedCookies', 'rawHeaders'] as const
const ofTheHeaders = ['cookie', 'authorization'] as const

export interface PersonalRequest {
  /** Stops watching; true where the handler has looked at, or set, what tells users apart. */
  stop(): boolean
}

/** Watches whether a handler looks at who is asking. */
export function watchPersonal(req: Request): PersonalRequest {
  let personal = false
  const noted = (): void => {
    personal = true
  }
  const watched = [
    ...ofTheRequest.map((name) => watch(req, name, noted)),
    ...ofTheHeaders.map((name) => watch(req.headers, name, noted)),
  ]
  return {
    stop: () => {
      for (const release of watched) release()
      return personal
    },
  }
}

function watch(target: object, name: string, noted: () => void): () => void {
  const before = Reflect.getOwnPropertyDescriptor(target, name)
  if (before?.configurable === false) return () => {}
  if (before && !('value' in before)) return watchAccessor(target, name, before, noted)

  let value: unknown = Reflect.get(target, name)
  let present = before !== undefined
  Object.defineProperty(target, name, {
    configurable: true,
    enumerable: before?.enumerable ?? false,
    get: () => {
      noted()
      return value
    },
    set: (given: unknown) => {
      noted()
      present = true
      value = given
    },
  })
  return () => {
    // `delete req.session` has taken it out.
    if (!Reflect.getOwnPropertyDescriptor(target, name)) return
    if (!present) Reflect.deleteProperty(target, name)
    else Object.defineProperty(target, name, { configurable: true, enumerable: true, writable: true, value })
  }
}

/** Sessions that are made when somebody asks for them (cookie-session): only the handler may be the one who does. */
function watchAccessor(target: object, name: string, before: PropertyDescriptor, noted: () => void): () => void {
  Object.defineProperty(target, name, {
    ...before,
    get: () => {
      noted()
      return before.get?.call(target)
    },
    set: (given: unknown) => {
      noted()
      before.set?.call(target, given)
    },
  })
  return () => {
    if (Reflect.getOwnPropertyDescriptor(target, name)) Object.defineProperty(target, name, before)
  }
}

import { Session } from 'node:inspector/promises'
import { types } from 'node:util'

export type Collection = ReadonlyMap<unknown, unknown> | ReadonlySet<unknown> | readonly unknown[]

/**
 * Which Maps, Sets and arrays grow in this process. By the heap: nothing else sees what private fields hold, and a
 * collection that somebody adds later is among them without being named. Each look takes a garbage collection.
 */
export class LiveCollections {
  readonly #sizes = new WeakMap<Collection, number>()

  /** Those that are alive and were made or have grown since the last look. */
  async grown(): Promise<Collection[]> {
    const all = await liveCollections()
    const grown = all.filter((one) => sizeOf(one) > (this.#sizes.get(one) ?? 0))
    for (const one of all) this.#sizes.set(one, sizeOf(one))
    // The next look may still find it, and is not to take it for somebody's.
    all.length = 0
    return grown
  }
}

export function sizeOf(collection: Collection): number {
  return 'size' in collection ? collection.size : collection.length
}

async function liveCollections(): Promise<Collection[]> {
  const session = new Session()
  session.connect()
  try {
    // Of all objects at once: each query takes a garbage collection, and what is in the heap beside collections costs less.
    const { result } = await session.post('Runtime.evaluate', { expression: 'Object.prototype' })
    const { objects } = await session.post('Runtime.queryObjects', { prototypeObjectId: String(result.objectId) })
    // The protocol hands out names of objects only; by the global one they come into this program.
    const functionDeclaration = 'function () { globalThis.liveObjects = this }'
    await session.post('Runtime.callFunctionOn', { objectId: String(objects.objectId), functionDeclaration })
    const found = globalThis as { liveObjects?: unknown[] }
    const all = found.liveObjects ?? []
    delete found.liveObjects
    const collections = all.filter(isCollection)
    all.length = 0
    return collections
  } finally {
    session.disconnect()
  }
}

function isCollection(object: unknown): object is Collection {
  return Array.isArray(object) || types.isMap(object) || types.isSet(object)
}

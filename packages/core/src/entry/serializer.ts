import { decode, encode } from '@msgpack/msgpack'
import type { Serializer } from '../options/policy.ts'
import { flags } from './envelope.ts'

const json: Serializer = {
  name: 'json',
  serialize(value) {
    const text = JSON.stringify(value)
    // JSON.stringify answers undefined, not text, for a function, a symbol or undefined.
    if (text === undefined) throw new TypeError(`JSON cannot express a ${typeof value}`)
    return Buffer.from(text)
  },
  deserialize: (bytes) => JSON.parse(bytes.toString()),
}

const msgpack: Serializer = {
  name: 'msgpack',
  serialize(value) {
    const bytes = encode(value, { ignoreUndefined: true })
    return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  },
  deserialize: (bytes) => decode(bytes),
}

/** The serializer and the flag that marks its entries, so that a change of serializer reads as a miss. */
export function chooseSerializer(choice: 'json' | 'msgpack' | Serializer): { serializer: Serializer; flag: number } {
  if (choice === 'json') return { serializer: json, flag: 0 }
  if (choice === 'msgpack') return { serializer: msgpack, flag: flags.msgpack }
  return { serializer: choice, flag: flags.custom }
}

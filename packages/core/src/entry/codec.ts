import { inflateRawSync } from 'node:zlib'
import type { StandardSchemaV1 } from '@standard-schema/spec'
import type { Policy } from '../options/policy.ts'
import { deflate } from './deflate.ts'
import { type Envelope, flags, type Marks, type Times, type Unreadable, unwrap, wrap } from './envelope.ts'
import { chooseSerializer } from './serializer.ts'

/** A stored value with its times. `value` is undefined where the source has none. */
export interface Entry<V> extends Times {
  readonly value: V | undefined
  /** Where in its bytes stands by which generations it may be believed; 0 where it may by its key alone. */
  readonly stampsAt: number
}

/** A value as bytes, before its times are known. */
export interface Packed {
  readonly payload: Buffer
  readonly flags: number
  readonly rawBytes: number
}

export interface Codec<V> {
  /**
   * Serializes once, and deflates, what is large off the event loop: from `compression.threshold` bytes on, or `compressFrom` where that
   * is less. Undefined for what is larger than `maxValueBytes`.
   */
  pack(value: V | undefined, compressFrom?: number): Promise<Packed | undefined>
  /** Never throws: what cannot be read is a reason. Asynchronous only where the schema is. */
  decode(bytes: Buffer): Entry<V> | Unreadable | Promise<Entry<V> | Unreadable>
  /**
   * The value as a later hit would return it, a copy, or why there would be none.
   *
   * @throws what the serializer throws for a value that it cannot express
   */
  roundTrip(value: V): Promise<{ readonly value: V } | Unreadable>
}

export function seal(packed: Packed, times: Times, marks?: Marks): Buffer {
  return wrap(times, packed.flags, packed.rawBytes, packed.payload, marks)
}

const nothing = Buffer.alloc(0)
// A deflated value must be worth inflating on every read.
const worthwhile = 0.9
/** From here on a value is worth a warning: it blocks Redis, the network and the event loop for others. */
const largeBytes = 100_000
const kindFlags = flags.msgpack | flags.custom

export function createCodec<V>(
  policy: Pick<Policy, 'serializer' | 'compression' | 'maxValueBytes'>,
  schema: StandardSchemaV1<unknown, V> | undefined,
  onLarge: (bytes: number, stored: boolean) => void = () => {},
  isStamped = false,
): Codec<V> {
  const { serializer, flag } = chooseSerializer(policy.serializer)
  const { compression, maxValueBytes } = policy
  const isJson = policy.serializer === 'json'

  async function pack(value: V | undefined, compressFrom = Number.POSITIVE_INFINITY): Promise<Packed | undefined> {
    if (value === undefined) return { payload: nothing, flags: flags.none | flag, rawBytes: 0 }
    const raw = asBuffer(serializer.serialize(value))
    if (raw.length >= largeBytes) onLarge(raw.length, raw.length <= maxValueBytes)
    if (raw.length > maxValueBytes) return undefined
    if (compression !== false && raw.length >= Math.min(compression.threshold, compressFrom)) {
      const deflated = await deflate(raw)
      if (deflated !== undefined && deflated.length < raw.length * worthwhile) {
        return { payload: deflated, flags: flags.deflated | flag, rawBytes: raw.length }
      }
    }
    return { payload: raw, flags: flag, rawBytes: raw.length }
  }

  function parse(envelope: Envelope, bytes: Buffer): { value: unknown } | Unreadable {
    const { start } = envelope
    if ((envelope.flags & kindFlags) !== flag) return 'unknown-version'
    if (envelope.rawBytes > maxValueBytes) return 'too-large'
    try {
      const deflated = (envelope.flags & flags.deflated) !== 0
      if (!deflated && bytes.length - start !== envelope.rawBytes) return 'truncated'
      // The frequent case is spared a Buffer for the payload alone.
      if (!deflated && isJson) return { value: JSON.parse(bytes.toString('utf8', start)) }
      const payload = bytes.subarray(start)
      const raw = !deflated
        ? payload
        : // Bounded by what the writer declared, so that a forged value cannot unfold without end.
          inflateRawSync(payload, { maxOutputLength: Math.max(1, envelope.rawBytes) })
      return raw.length === envelope.rawBytes ? { value: serializer.deserialize(raw) } : 'truncated'
    } catch {
      return 'corrupt'
    }
  }

  function validate(value: unknown): { value: V } | Unreadable | Promise<{ value: V } | Unreadable> {
    if (schema === undefined) return { value: value as V }
    try {
      const result = schema['~standard'].validate(value)
      // Not instanceof: a promise of another kind, taken for a result, would read as "the source has none".
      if ('then' in result) return Promise.resolve(result).then(toOutcome, () => 'schema-mismatch' as const)
      return toOutcome(result)
    } catch {
      return 'schema-mismatch'
    }
  }

  return {
    pack,
    decode(bytes) {
      const envelope = unwrap(bytes)
      if (typeof envelope === 'string') return envelope
      const { storedAt, freshUntil, expiresAt, loadTime, stampsAt } = envelope
      // Of another release of the service, which has no say in what this one drops, or the other way round.
      if (stampsAt > 0 !== isStamped) return 'unknown-version'
      if ((envelope.flags & flags.none) !== 0) {
        return { value: undefined, storedAt, freshUntil, expiresAt, loadTime, stampsAt }
      }
      const parsed = parse(envelope, bytes)
      if (typeof parsed === 'string') return parsed
      const validated = validate(parsed.value)
      if (validated instanceof Promise) {
        return validated.then((outcome) =>
          typeof outcome === 'string'
            ? outcome
            : { value: outcome.value, storedAt, freshUntil, expiresAt, loadTime, stampsAt },
        )
      }
      return typeof validated === 'string'
        ? validated
        : { value: validated.value, storedAt, freshUntil, expiresAt, loadTime, stampsAt }
    },
    roundTrip: async (value) => await validate(serializer.deserialize(asBuffer(serializer.serialize(value)))),
  }
}

/** A custom serializer in JavaScript may hand out any bytes; only a Buffer can be framed. */
function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

function toOutcome<V>(result: StandardSchemaV1.Result<V>): { value: V } | Unreadable {
  return result.issues === undefined ? { value: result.value } : 'schema-mismatch'
}

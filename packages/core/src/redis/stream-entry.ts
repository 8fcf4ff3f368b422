/** One entry of a stream as it stands there. */
export class StreamEntry {
  /** Also its sequence: microseconds, then `-0`. */
  readonly id: string
  /** Names and values in turns. */
  readonly fields: readonly Buffer[]

  constructor(id: string, fields: readonly Buffer[]) {
    this.id = id
    this.fields = fields
  }

  // An entry has a few fields, each of which is looked at once: a map of them would cost more than all else that is done with it.
  field(name: string): Buffer | undefined {
    const { fields } = this
    for (let index = 0; index + 1 < fields.length; index += 2) {
      if (isNamed(fields[index] as Buffer, name)) return fields[index + 1]
    }
    return undefined
  }

  text(name: string): string | undefined {
    return this.field(name)?.toString()
  }
}

function isNamed(bytes: Buffer, name: string): boolean {
  if (bytes.length !== name.length || bytes[0] !== name.charCodeAt(0)) return false
  return name.length === 1 || bytes.toString() === name
}

/** An entry as Redis answers it. */
export function toEntry([id, fields]: [Buffer, Buffer[]]): StreamEntry {
  return new StreamEntry(id.toString(), fields)
}

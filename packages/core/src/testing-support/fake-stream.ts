/** One entry of a stream. Its ID in Redis is `<id>-0`. */
export interface FakeEntry {
  readonly id: number
  readonly fields: readonly Buffer[]
}

/** The one consumer group of a stream. */
class FakeGroup {
  delivered = 0
  /** Whose each entry is that was handed out and is not acknowledged. */
  readonly pending = new Map<number, string>()
  readonly consumers = new Set<string>()

  pendingOf(consumer: string): number {
    return [...this.pending.values()].filter((holder) => holder === consumer).length
  }

  /** XGROUP DELCONSUMER: what it has not acknowledged is nobody's any more. */
  lose(consumer: string): void {
    for (const [id, holder] of this.pending) if (holder === consumer) this.pending.delete(id)
    this.consumers.delete(consumer)
  }

  forgetIdle(isOther: (consumer: string) => boolean): void {
    for (const consumer of this.consumers) {
      if (isOther(consumer) && this.pendingOf(consumer) === 0) this.consumers.delete(consumer)
    }
  }
}

/** What of a Redis stream the scripts of write-behind use. */
export class FakeStream {
  /** In the order of their IDs. */
  readonly entries = new Map<number, FakeEntry>()
  group: FakeGroup | undefined
  lastGenerated = 0

  /** XADD. */
  add(id: number, fields: readonly Buffer[]): void {
    if (id <= this.lastGenerated) throw new Error('ERR The ID specified in XADD is equal or smaller')
    this.lastGenerated = id
    this.entries.set(id, { id, fields })
  }

  /** XGROUP CREATE from the beginning, where there is none. */
  openGroup(): FakeGroup {
    this.group ??= new FakeGroup()
    return this.group
  }

  /** XACK and XDEL. */
  acknowledge(ids: readonly number[]): void {
    for (const id of ids) {
      this.group?.pending.delete(id)
      this.entries.delete(id)
    }
  }

  /** XAUTOCLAIM of whatever is pending, however short a time. */
  claim(consumer: string, most: number): FakeEntry[] {
    const group = this.openGroup()
    group.consumers.add(consumer)
    const ids = [...group.pending.keys()].sort((left, right) => left - right).slice(0, most)
    for (const id of ids) group.pending.set(id, consumer)
    return ids.map((id) => this.entries.get(id)).filter((entry) => entry !== undefined)
  }

  /** XREADGROUP of what was never handed out. */
  read(consumer: string, most: number): FakeEntry[] {
    const group = this.openGroup()
    const some = [...this.entries.values()].filter(({ id }) => id > group.delivered).slice(0, most)
    for (const { id } of some) {
      group.consumers.add(consumer)
      group.pending.set(id, consumer)
      group.delivered = id
    }
    return some
  }
}

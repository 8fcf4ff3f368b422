/**
 * Names for nodes that may stand in a metric, where addresses may not: `1`, `2`, …. A node keeps its name whoever comes
 * and goes, for its past hangs on that. A new one takes the lowest that is free: after a failover its predecessor's.
 */
export class NodeNames {
  readonly #byAddress = new Map<string, string>()

  /** The names of all nodes that there are now, in the order of `addresses`. */
  of(addresses: readonly string[]): string[] {
    for (const known of this.#byAddress.keys()) if (!addresses.includes(known)) this.#byAddress.delete(known)
    const taken = new Set(this.#byAddress.values())
    let number = 1
    return addresses.map((address) => {
      const known = this.#byAddress.get(address)
      if (known !== undefined) return known
      while (taken.has(String(number))) number += 1
      const name = String(number)
      taken.add(name)
      this.#byAddress.set(address, name)
      return name
    })
  }
}

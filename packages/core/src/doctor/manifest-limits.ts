import { parseQuantity } from './manifest-quantity.ts'
import type { WrittenSettings } from './manifest-settings.ts'
import { type Tree, treeAt } from './manifest-tree.ts'

/** The limits of the container that was chosen, and what is set for the Redis inside. */
export interface WrittenFacts {
  readonly limits: WrittenLimits | undefined
  readonly settings: WrittenSettings
  readonly notes: readonly string[]
}

export interface WrittenLimits {
  readonly memory: number | undefined
  readonly cpu: string | undefined
  readonly source: string
  readonly notes: readonly string[]
}

/** `resources.limits` of a container or of a part of a chart; undefined where it declares none. */
export function limitsOf(holder: Tree, source: string): WrittenLimits | undefined {
  const limits = treeAt(holder, 'resources', 'limits')
  const written = limits['memory']
  const cpu = limits['cpu']
  if (written === undefined && cpu === undefined) return undefined
  const memory = written === undefined ? undefined : parseQuantity(written)
  return {
    memory,
    cpu: typeof cpu === 'string' || typeof cpu === 'number' ? String(cpu) : undefined,
    source,
    notes: notesOf(written, memory, source),
  }
}

// The process alone takes more: such a number is a slip of the suffix, as 128m (thousandths of a byte) for 128M.
const least = 1024 ** 2

function notesOf(written: unknown, memory: number | undefined, source: string): string[] {
  if (written === undefined) return [`${source}: sets no memory limit`]
  if (memory === undefined) return [`${source}: the memory limit is no quantity that Kubernetes takes`]
  if (memory < least)
    return [`${source}: the memory limit is below 1 MiB; is its suffix meant (m is a thousandth, M a million)?`]
  return []
}

import { readFileSync } from 'node:fs'
import { totalmem } from 'node:os'
import { getHeapStatistics } from 'node:v8'

// cgroup v2, then v1. An unlimited v1 group reports a number near 2^63, v2 the word "max".
const files = ['/sys/fs/cgroup/memory.max', '/sys/fs/cgroup/memory/memory.limit_in_bytes']

/** The memory that this process may use, in bytes: the container's limit, else the machine's memory. */
export function memoryLimitOfProcess(read: (path: string) => string = (path) => readFileSync(path, 'utf8')): number {
  const machine = totalmem()
  for (const file of files) {
    try {
      const limit = Number(read(file).trim())
      if (Number.isSafeInteger(limit) && limit > 0 && limit < machine) return limit
    } catch {
      // No such group on this machine: the next file, or the machine's own memory, answers.
    }
  }
  return machine
}

/**
 * Default bound of the local tier: an eighth of what the process may use, at most 256 MiB. The heap's own limit counts
 * too, for entries live on the heap and V8 dies at its limit long before a large container does.
 */
export function defaultLocalBytes(
  memoryLimit = memoryLimitOfProcess(),
  heapLimit = getHeapStatistics().heap_size_limit,
) {
  return Math.max(1024 ** 2, Math.min(256 * 1024 ** 2, Math.floor(Math.min(memoryLimit, heapLimit) / 8)))
}

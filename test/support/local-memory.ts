import type { MemoryOrder, MemoryReport } from '../incidents/local-memory.worker.ts'
import { startFleet } from './fleet.ts'

/** What a process holds that asks a source for so many distinct keys through a local tier. */
export async function measureMemory(order: MemoryOrder): Promise<MemoryReport> {
  const worker = new URL('../incidents/local-memory.worker.ts', import.meta.url)
  // In development each load is checked for what a later hit would give, which is not what is measured here.
  const fleet = await startFleet(worker, 1, [], { NODE_ENV: 'production' })
  try {
    const [report] = await fleet.request<MemoryReport>(order)
    await fleet.stop()
    return report as MemoryReport
  } finally {
    await fleet.kill('SIGKILL')
  }
}

const mebibyte = 1024 ** 2

/**
 * How many bytes a local tier of 32 MiB adds to a process. Compared with the smallest tier that there is, for a process
 * that does the same work and throws the same garbage away.
 */
export async function measureTier(keys: number): Promise<{ added: number; allowed: number }> {
  const without = await measureMemory({ keys, maxBytes: '64Ki' })
  const maxBytes = 32 * mebibyte
  const report = await measureMemory({ keys, maxBytes })
  if (report.localBytes > maxBytes) throw new Error(`the local tier says that it holds ${report.localBytes} bytes`)
  if (report.localBytes < maxBytes * 0.9) throw new Error(`the local tier was not filled: ${report.localBytes} bytes`)
  return { added: report.resident - without.resident, allowed: 2 * maxBytes }
}

import type { LogEvidence } from '../findings/evidence.ts'
import { largestInput } from './unreadable-input.ts'

const patterns = {
  // "Can't save in background: fork", "Can't rewrite append only file in background: fork".
  forkFailures: /can't (save|rewrite append only file) in background: fork/i,
  // Redis does not log refusals, but scripts, proxies and clients in the same log do.
  oomRefusals: /\bOOM command not allowed\b/,
  misconf: /\bMISCONF\b/,
} as const

/**
 * Counts what a log of Redis' container (`kubectl logs --previous`) tells of fork failures and refused writes. Of a
 * log over 10 MiB the end is read. Any text is a log; nothing of it is kept.
 */
export function readLog(text: string): LogEvidence {
  const counts = { lines: 0, forkFailures: 0, oomRefusals: 0, misconf: 0 }
  for (const line of text.slice(-largestInput).split('\n')) {
    if (line.trim() === '') continue
    counts.lines++
    if (patterns.forkFailures.test(line)) counts.forkFailures++
    if (patterns.oomRefusals.test(line)) counts.oomRefusals++
    if (patterns.misconf.test(line)) counts.misconf++
  }
  return counts
}

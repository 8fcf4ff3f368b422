import type { TroubleClass } from '../redis/trouble.ts'

/** What the SDK does without as Redis gets into trouble, mildest first. */
export type Mode = 'normal' | 'conserving' | 'shedding' | 'read-only' | 'local-only'
/** What memory alone can call for. */
export type MemoryMode = Exclude<Mode, 'local-only'>

export const modes: readonly Mode[] = ['normal', 'conserving', 'shedding', 'read-only', 'local-only']

export interface ModeEvidence {
  readonly readable: boolean
  readonly writable: boolean
  /** Why the write gate holds writes back. */
  readonly refusal: TroubleClass | undefined
  readonly memory: MemoryMode
  readonly memoryReasons: readonly string[]
}

export interface Verdict {
  readonly mode: Mode
  readonly reasons: readonly string[]
}

const refusals: Partial<Record<TroubleClass, string>> = {
  oom: 'Redis is full and refuses writes (OOM)',
  misconf: 'Redis cannot persist and refuses writes (MISCONF)',
  readonly: 'Redis is a read-only replica and refuses writes (READONLY)',
  noreplicas: 'Redis has too few replicas and refuses writes (NOREPLICAS)',
}

/** The mode that the evidence asks for, and why. */
export function judge({ readable, writable, refusal, memory, memoryReasons }: ModeEvidence): Verdict {
  if (!readable) return { mode: 'local-only', reasons: ['Redis cannot be read'] }
  const reasons: string[] = []
  if (refusal !== undefined) reasons.push(refusals[refusal] ?? 'Redis refuses writes')
  if (!writable) reasons.push('Redis does not answer writes')
  if (reasons.length > 0) return { mode: 'read-only', reasons }
  return { mode: memory, reasons: memory === 'normal' ? [] : memoryReasons }
}

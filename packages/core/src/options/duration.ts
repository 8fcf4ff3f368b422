const units = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const

/** Milliseconds, or a number with a unit: `'200ms'`, `'5m'`, `'1.5h'`, `'7d'`. */
export type Duration = number | `${number}${keyof typeof units}`

const pattern = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/

/** Milliseconds, rounded to whole ones; `undefined` where the text is no duration. */
export function parseDuration(value: unknown): number | undefined {
  if (typeof value === 'number') return Number.isFinite(value) && value >= 0 ? Math.round(value) : undefined
  if (typeof value !== 'string') return undefined
  const match = pattern.exec(value.trim())
  if (match === null) return undefined
  return Math.round(Number(match[1]) * units[match[2] as keyof typeof units])
}

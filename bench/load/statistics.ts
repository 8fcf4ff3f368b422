/** The value below which the share of the values lies (nearest rank); undefined without values. */
export function percentile(values: Float64Array | readonly number[], share: number): number | undefined {
  if (values.length === 0) return undefined
  const sorted = Float64Array.from(values).sort()
  return sorted[Math.min(sorted.length - 1, Math.max(0, Math.ceil(sorted.length * share) - 1))]
}

export function median(values: readonly number[]): number {
  const middle = percentile(values, 0.5)
  if (middle === undefined) throw new Error('no values to take the median of')
  return middle
}

export function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0)
}

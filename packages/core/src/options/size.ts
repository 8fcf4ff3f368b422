const units = {
  B: 1,
  K: 1e3,
  M: 1e6,
  G: 1e9,
  Ki: 1024,
  Mi: 1024 ** 2,
  Gi: 1024 ** 3,
} as const

/** Bytes, or a number with a unit as Kubernetes writes it: `'512Ki'`, `'64Mi'`, `'1G'`. */
export type Size = number | `${number}${keyof typeof units}`

const pattern = /^(\d+(?:\.\d+)?)(B|Ki|Mi|Gi|K|M|G)$/

/** Whole bytes; `undefined` where the text is no size. */
export function parseSize(value: unknown): number | undefined {
  if (typeof value === 'number') return Number.isFinite(value) && value >= 0 ? Math.floor(value) : undefined
  if (typeof value !== 'string') return undefined
  const match = pattern.exec(value.trim())
  if (match === null) return undefined
  return Math.floor(Number(match[1]) * units[match[2] as keyof typeof units])
}

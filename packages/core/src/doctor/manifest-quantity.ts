const suffixes: Readonly<Record<string, number>> = {
  '': 1,
  n: 1e-9,
  u: 1e-6,
  m: 1e-3,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  P: 1e15,
  E: 1e18,
  Ki: 1024,
  Mi: 1024 ** 2,
  Gi: 1024 ** 3,
  Ti: 1024 ** 4,
  Pi: 1024 ** 5,
  Ei: 1024 ** 6,
}

const quantity = /^\+?(\d+\.?\d*|\.\d+)(?:([numkMGTPE]|[KMGTPE]i)|[eE]([+-]?\d{1,2}))?$/

/**
 * Bytes of a quantity as Kubernetes writes memory: `64Mi`, `256M`, `1.5Gi`, `1e9`, `134217728`; rounded up, as the
 * API server does. `undefined` for what Kubernetes would refuse too.
 */
export function parseQuantity(value: unknown): number | undefined {
  const match = quantity.exec(typeof value === 'number' ? String(value) : typeof value === 'string' ? value : '')
  if (match === null) return undefined
  const factor = match[3] === undefined ? (suffixes[match[2] ?? ''] ?? Number.NaN) : 10 ** Number(match[3])
  const bytes = Math.ceil(Number(match[1]) * factor)
  return Number.isSafeInteger(bytes) ? bytes : undefined
}

const units: Readonly<Record<string, number>> = {
  '': 1,
  b: 1,
  k: 1e3,
  kb: 1024,
  m: 1e6,
  mb: 1024 ** 2,
  g: 1e9,
  gb: 1024 ** 3,
}

/**
 * Bytes of a size as redis.conf writes it: `200mb` (binary), `100m` (decimal), `1gb`, `1073741824`, in whole numbers
 * and either case (memtoull of Redis' util.c). `undefined` for what Redis would not start with.
 */
export function parseRedisSize(value: unknown): number | undefined {
  const match = /^(\d+)([a-z]*)$/i.exec(
    typeof value === 'number' ? String(value) : typeof value === 'string' ? value : '',
  )
  if (match === null) return undefined
  const bytes = Number(match[1]) * (units[(match[2] ?? '').toLowerCase()] ?? Number.NaN)
  return Number.isSafeInteger(bytes) ? bytes : undefined
}

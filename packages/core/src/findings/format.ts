const byteUnits = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'] as const

/** What cannot be told as a number. Texts are read at night: never "NaN" or "Infinity" in them. */
const unknown = 'unknown'

const oneDecimal = (value: number) => Math.round(value * 10) / 10

/** `56 MiB`, `1.5 GiB`: at most one decimal, binary units. */
export function formatBytes(bytes: number): string {
  if (!Number.isFinite(bytes)) return unknown
  let value = Math.abs(bytes)
  let unit = 0
  // The rounded number decides, else 1,048,575 would read "1024 KiB".
  while ((unit === 0 ? Math.round(value) : oneDecimal(value)) >= 1024 && unit < byteUnits.length - 1) {
    value /= 1024
    unit += 1
  }
  const rounded = unit === 0 ? Math.round(value) : oneDecimal(value)
  return `${bytes < 0 ? '-' : ''}${rounded} ${byteUnits[unit]}`
}

/** `10,000`, `0.3`: at most one decimal. */
export function formatCount(count: number): string {
  if (!Number.isFinite(count)) return unknown
  return oneDecimal(count).toLocaleString('en-US')
}

/** `88 %`, `3.1 %`, `less than 0.1 %`. @param share 1 is the whole. */
export function formatShare(share: number): string {
  if (!Number.isFinite(share)) return unknown
  const percent = share * 100
  if (percent > 0 && percent < 0.1) return 'less than 0.1 %'
  return `${Math.abs(percent) < 10 ? oneDecimal(percent) : Math.round(percent)} %`
}

const secondUnits = [
  { seconds: 86_400, one: 'day', many: 'days' },
  { seconds: 3_600, one: 'h', many: 'h' },
  { seconds: 60, one: 'min', many: 'min' },
] as const

/** `300 ms`, `45 s`, `12 min`, `1.5 h`, `3 days`. */
export function formatSeconds(seconds: number): string {
  if (!Number.isFinite(seconds)) return unknown
  const magnitude = Math.abs(seconds)
  const sign = seconds < 0 ? '-' : ''
  if (magnitude === 0) return '0 s'
  if (magnitude < 0.9995) return `${sign}${formatCount(magnitude * 1_000)} ms`
  for (const unit of secondUnits) {
    // Just below a unit the number would be rounded up to it: "60 s".
    if (magnitude < unit.seconds * 0.999) continue
    const value = oneDecimal(magnitude / unit.seconds)
    return `${sign}${value.toLocaleString('en-US')} ${value === 1 ? unit.one : unit.many}`
  }
  return `${sign}${oneDecimal(magnitude)} s`
}

/** `1 key`, `3 keys`. */
export function formatOf(count: number, one: string, many = `${one}s`): string {
  return `${formatCount(count)} ${count === 1 ? one : many}`
}

/** As redis.conf and CONFIG SET read it, where `mb` is binary: `200mb`. */
export function formatRedisSize(bytes: number): string {
  if (bytes % 1024 ** 3 === 0) return `${bytes / 1024 ** 3}gb`
  if (bytes % 1024 ** 2 === 0) return `${bytes / 1024 ** 2}mb`
  return String(Math.round(bytes))
}

/** As Kubernetes reads it: `256Mi`. */
export function formatKubernetesSize(bytes: number): string {
  if (bytes % 1024 ** 3 === 0) return `${bytes / 1024 ** 3}Gi`
  if (bytes % 1024 ** 2 === 0) return `${bytes / 1024 ** 2}Mi`
  return String(Math.round(bytes))
}

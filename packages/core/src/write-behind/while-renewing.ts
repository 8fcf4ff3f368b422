import type { Clock } from '../clock.ts'

/** Does `work`, and `renew` at each interval for as long as it takes. A renewal that fails is the next one's business. */
export async function whileRenewing<T>(
  clock: Clock,
  milliseconds: number,
  renew: () => Promise<unknown>,
  work: () => Promise<T>,
): Promise<T> {
  let timer: unknown
  const renewLater = () => {
    timer = clock.setTimeout(() => {
      renewLater()
      renew().catch(() => {})
    }, milliseconds)
  }
  renewLater()
  try {
    return await work()
  } finally {
    clock.clearTimeout(timer)
  }
}

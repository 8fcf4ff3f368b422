const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']
const month = `(${months.join('|')})`
const time = '(\\d\\d):(\\d\\d):(\\d\\d)'
const day = '(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)'
const longDay = '(?:Monday|Tuesday|Wednesday|Thursday|Friday|Saturday|Sunday)'

const fixdate = new RegExp(`^${day}, (\\d\\d) ${month} (\\d{4}) ${time} GMT$`)
const rfc850 = new RegExp(`^${longDay}, (\\d\\d)-${month}-(\\d\\d) ${time} GMT$`)
const asctime = new RegExp(`^${day} ${month} ([ \\d]\\d) ${time} (\\d{4})$`)

/**
 * Milliseconds since the epoch of a date in one of the three forms of RFC 9110 section 5.6.7; undefined for all else.
 * `Date.parse` takes a good deal more, and takes local time where no zone is named.
 */
export function parseHttpDate(text: string, now: number): number | undefined {
  const fixed = fixdate.exec(text)
  if (fixed !== null) return toTime(fixed[3], fixed[2], fixed[1], fixed.slice(4))
  const old = rfc850.exec(text)
  if (old !== null) return toTime(fullYear(Number(old[3]), now), old[2], old[1], old.slice(4))
  const c = asctime.exec(text)
  if (c !== null) return toTime(c[6], c[1], c[2], c.slice(3, 6))
  return undefined
}

/** A year that seems more than 50 years ahead is the latest one in the past with these digits. */
function fullYear(digits: number, now: number): number {
  const thisYear = new Date(now).getUTCFullYear()
  const year = thisYear - (thisYear % 100) + digits
  return year > thisYear + 50 ? year - 100 : year
}

function toTime(
  year: string | number | undefined,
  monthName: string | undefined,
  dayOfMonth: string | undefined,
  clock: readonly string[],
): number | undefined {
  const [hour = 0, minute = 0, second = 0] = clock.map(Number)
  const monthIndex = months.indexOf(monthName ?? '')
  const date = Number(dayOfMonth)
  const at = new Date(Date.UTC(Number(year), monthIndex, date, hour, minute, second))
  // 31 February and 25 o'clock roll over. A leap second, 60, may.
  const exists = at.getUTCMonth() === monthIndex && hour < 24 && minute < 60 && second <= 60 && date >= 1
  return exists ? at.getTime() : undefined
}

import type { Memory } from './redis-probe.ts'
import type { Condition } from './shop.ts'

/** How numbers are written, on the screen and in the table alike. */

export const nothing = '–'

export function count(number: number): string {
  return number.toLocaleString('en')
}

export function duration(milliseconds: number | undefined, patience: number): string {
  if (milliseconds === undefined) return nothing
  if (milliseconds >= patience) return `> ${patience / 1_000} s`
  if (milliseconds >= 1_000) return `${(milliseconds / 1_000).toFixed(1)} s`
  return milliseconds >= 10 ? `${Math.round(milliseconds)} ms` : `${milliseconds.toFixed(1)} ms`
}

/** Never rounds up to a whole: 100 % means every single one. */
export function share(part: number, whole: number): string {
  if (whole === 0) return nothing
  if (part === whole) return '100 %'
  return `${(Math.floor((part / whole) * 1_000) / 10).toFixed(1)} %`
}

export function memory(value: Memory | undefined): string {
  return value ? `${mebibytes(value.used)} of ${mebibytes(value.limit)} MB` : 'no answer'
}

function mebibytes(bytes: number): string {
  const amount = bytes / 2 ** 20
  return Number.isInteger(amount) ? String(amount) : amount.toFixed(1)
}

/** The mode of a side's workers; where they differ, each of the different ones. */
export function modes(conditions: readonly Condition[]): string {
  return distinct(conditions.map(({ mode }) => mode)) || nothing
}

export function breakers(conditions: readonly Condition[]): string {
  if (conditions.length === 0) return nothing
  const read = distinct(conditions.map(({ readBreaker }) => readBreaker))
  const write = distinct(conditions.map(({ writeBreaker }) => writeBreaker))
  return `read ${read}, write ${write}`
}

function distinct(states: readonly string[]): string {
  return [...new Set(states)].join('/')
}

export function clock(seconds: number): string {
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`
}

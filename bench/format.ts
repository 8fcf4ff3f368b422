import { answerWithinMs } from './load/open-loop.ts'
import type { Format } from './scenario.ts'

type Value = number | string | undefined

const grouped = new Intl.NumberFormat('en-GB', { maximumFractionDigits: 0 })

function numeric(write: (value: number) => string): (value: Value) => string {
  return (value) => (value === undefined ? '–' : typeof value === 'string' ? value : write(value))
}

export const format = {
  text: numeric(String),
  count: numeric((value) => grouped.format(value)),
  number: numeric((value) => value.toFixed(value < 10 ? 2 : 1)),
  ratio: numeric((value) => value.toFixed(2)),
  rate: numeric((value) => {
    if (value >= 1e6) return `${(value / 1e6).toFixed(value < 1e7 ? 2 : 1)} M`
    if (value >= 1e4) return `${(value / 1e3).toFixed(0)} k`
    return grouped.format(value)
  }),
  milliseconds: numeric((value) => {
    if (value >= answerWithinMs) return '> 3 s'
    return `${value.toFixed(value < 1 ? 2 : value < 10 ? 1 : 0)} ms`
  }),
} satisfies Record<Format, (value: Value) => string>

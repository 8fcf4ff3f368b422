import type { Severity } from '../findings/finding.ts'
import type { Mode } from '../pressure/mode.ts'
import type { Output } from './streams.ts'

const styles = { bold: 1, dim: 2, red: 31, green: 32, yellow: 33, blue: 34, inverse: 7 } as const
export type Style = keyof typeof styles

/** How text is shown: whether in colours, and how wide. */
export interface Canvas {
  readonly color: boolean
  readonly width: number
}

const narrowest = 40
// Longer lines are hard to read, wide as a screen may be.
const widest = 110

export function canvasOf(output: Output, color: boolean): Canvas {
  const width = Math.max(narrowest, Math.min(widest, output.columns ?? 100))
  return { color: color && output.isTTY === true, width }
}

export function paint(text: string, { color }: Canvas, ...chosen: readonly Style[]): string {
  if (!color || chosen.length === 0) return text
  return `\x1b[${chosen.map((style) => styles[style]).join(';')}m${text}\x1b[0m`
}

export const severityStyles: Record<Severity, readonly Style[]> = {
  critical: ['bold', 'red'],
  warning: ['bold', 'yellow'],
  info: ['bold', 'blue'],
}

export const modeStyles: Record<Mode, readonly Style[]> = {
  normal: ['bold', 'green'],
  conserving: ['bold', 'yellow'],
  shedding: ['bold', 'yellow'],
  'read-only': ['bold', 'red'],
  'local-only': ['bold', 'red'],
}

/** Wraps at spaces; every line but the first begins with `hanging` spaces. Words longer than a line stay whole. */
export function wrap(text: string, width: number, indent = 0, hanging = indent): string[] {
  const lines: string[] = []
  let line = ' '.repeat(indent)
  let empty = true
  for (const word of text.split(/\s+/).filter((one) => one !== '')) {
    if (!empty && line.length + 1 + word.length > width) {
      lines.push(line)
      line = ' '.repeat(hanging)
      empty = true
    }
    line += empty ? word : ` ${word}`
    empty = false
  }
  return [...lines, line]
}

/** `████████░░░░`: full at 1, and no fuller beyond. */
export function bar(share: number, cells: number): string {
  const full = Math.round(Math.max(0, Math.min(1, share)) * cells)
  return '█'.repeat(full) + '░'.repeat(cells - full)
}

/**
 * Without what a terminal would obey, or is not seen: names of keys may hold anything.
 */
export function harmless(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, '�')
}

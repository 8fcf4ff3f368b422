import type { WriteStream } from 'node:tty'

const codes = { bold: 1, dim: 2, red: 31, green: 32, yellow: 33, blue: 34, cyan: 36 } as const

export type Paint = (style: keyof typeof codes, text: string) => string

/** Colours on a terminal that wants them, and bare text everywhere else. */
export function paintFor(stream: NodeJS.WriteStream): Paint {
  const colours = stream.isTTY && (stream as WriteStream).hasColors() && !process.env['NO_COLOR']
  return (style, text) => (colours && text ? `\x1b[${codes[style]}m${text}\x1b[0m` : text)
}

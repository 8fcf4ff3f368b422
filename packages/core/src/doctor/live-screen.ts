import type { Keyboard, Output } from './streams.ts'
import { type Canvas, canvasOf } from './terminal.ts'

const enter = '\x1b[?1049h\x1b[?25l'
const leave = '\x1b[?25h\x1b[?1049l'
const home = '\x1b[H'
const clearToLineEnd = '\x1b[K'
const clearBelow = '\x1b[J'
const ctrlC = 3

/** The terminal's other screen, drawn over itself: what stood on the first one is there again afterwards. */
export class LiveScreen {
  readonly #output: Output
  readonly #keyboard: Keyboard | undefined
  readonly #end = new AbortController()
  readonly #onKey = (bytes: Buffer): void => {
    // In raw mode Ctrl-C is a key like any other.
    if (bytes.includes(ctrlC) || /[qQ]/.test(bytes.toString('latin1'))) this.#end.abort()
  }
  // Whatever ends the process: a terminal without a cursor is no thing to leave behind.
  readonly #onExit = (): void => this.restore()
  #restored = false

  constructor(output: Output, keyboard: Keyboard | undefined) {
    this.#output = output
    this.#keyboard = keyboard
    output.write(enter)
    keyboard?.setRawMode(true)
    keyboard?.on('data', this.#onKey)
    keyboard?.resume()
    process.once('exit', this.#onExit)
  }

  /** Aborted when the user is done. */
  get ended(): AbortSignal {
    return this.#end.signal
  }

  canvas(color: boolean): Canvas {
    return canvasOf(this.#output, color)
  }

  draw(lines: readonly string[]): void {
    // One line less than there are: a newline at the last would scroll.
    const shown = lines.slice(0, Math.max(1, (this.#output.rows ?? 24) - 1))
    this.#output.write(`${home}${shown.map((line) => `${line}${clearToLineEnd}\n`).join('')}${clearBelow}`)
  }

  restore(): void {
    if (this.#restored) return
    this.#restored = true
    process.off('exit', this.#onExit)
    this.#keyboard?.off('data', this.#onKey)
    this.#keyboard?.setRawMode(false)
    this.#keyboard?.pause()
    this.#output.write(leave)
  }
}

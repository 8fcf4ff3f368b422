import type { SampleProgress } from './sample.ts'
import type { Output } from './streams.ts'
import { bar } from './terminal.ts'

const cells = 30
const clearLine = '\r\x1b[K'

/** A bar that is drawn over itself, and gone in the end. Where nobody watches there is none. */
export function progressBar(output: Output): { show(progress: SampleProgress): void; end(): void } {
  if (output.isTTY !== true) return { show: () => {}, end: () => {} }
  let shown = ''
  return {
    show({ done, total }) {
      const text = `sampling ${bar(done / total, cells)} ${done.toLocaleString('en-US')} of ${total.toLocaleString('en-US')} keys`
      if (text === shown) return
      shown = text
      output.write(clearLine + text)
    },
    end() {
      if (shown !== '') output.write(clearLine)
    },
  }
}

import type { WarmProgress } from '@plimsoll/core'

export interface Screen {
  show(progress: WarmProgress): void
  end(): void
}

const clearLine = '\r\x1b[K'
const drawEvery = 100
const writeEvery = 1_000
const cells = 24

const styles = { bold: 1, green: 32, yellow: 33, red: 31 } as const
export type Paint = (style: keyof typeof styles, text: string) => string

/** Colours on a terminal that wants them, and bare text everywhere else. */
export function paintFor(stream: NodeJS.WriteStream): Paint {
  const colours = stream.isTTY && stream.hasColors() && !process.env['NO_COLOR']
  return (style, text) => (colours ? `\x1b[${styles[style]}m${text}\x1b[0m` : text)
}

/** A line that is drawn over itself on a terminal; elsewhere a line a second, of JSON where that is wanted. */
export function screenFor(json: boolean, total: number): Screen {
  if (json) return lines(process.stdout, (progress) => JSON.stringify({ outcome: 'warming', ...progress, total }))
  if (process.stderr.isTTY) return liveLine(process.stderr, total)
  return lines(process.stderr, (progress) => describe(progress, total))
}

function liveLine(stream: NodeJS.WriteStream, total: number): Screen {
  const paint = paintFor(stream)
  const isDue = every(drawEvery)
  return {
    show: (progress) => {
      if (!isDue()) return
      const full = Math.round((cells * progress.done) / Math.max(1, total))
      const bar =
        paint(progress.waitingFor === 'redis' ? 'yellow' : 'green', '█'.repeat(full)) + '░'.repeat(cells - full)
      const room = Math.max(0, (stream.columns || 80) - cells - 2)
      stream.write(`${clearLine}${bar} ${describe(progress, total).slice(0, room)}`)
    },
    end: () => void stream.write(clearLine),
  }
}

function lines(stream: NodeJS.WriteStream, write: (progress: WarmProgress) => string): Screen {
  const isDue = every(writeEvery)
  return {
    show: (progress) => {
      if (isDue()) stream.write(`${write(progress)}\n`)
    },
    end: () => {},
  }
}

function every(milliseconds: number): () => boolean {
  let next = 0
  return () => {
    const now = performance.now()
    if (now < next) return false
    next = now + milliseconds
    return true
  }
}

const count = (number: number): string => Math.round(number).toLocaleString('en-US')
const waits = { redis: 'Redis', source: 'the database', others: undefined } as const

function describe({ done, found, loaded, failed, perSecond, waitingFor }: WarmProgress, total: number): string {
  const left = perSecond > 0 ? `, ${count((total - done) / perSecond)} s left` : ''
  const waited = waitingFor && waits[waitingFor]
  const waiting = waited === undefined ? '' : `, waiting for ${waited}`
  const parts = `${count(loaded)} loaded, ${count(found)} found${failed > 0 ? `, ${count(failed)} failed` : ''}`
  return `${count(done)} of ${count(total)}: ${parts}, ${count(perSecond)}/s${left}${waiting}`
}

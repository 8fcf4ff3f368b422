import type { Paint } from './paint.ts'
import { type Frame, patience, type SideFrame } from './run.ts'
import { positionTitle, type Screen, type ScreenSettings } from './screen.ts'
import { type SideName, sideNames, sideTitles } from './side.ts'
import { isTrouble, secondsOf } from './troubles.ts'
import { breakers, clock, count, duration, memory, modes } from './wording.ts'

const width = 96
const labelWidth = 14
const cellWidth = (width - labelWidth) / 2
const numberWidth = 9
const sparkWidth = cellWidth - numberWidth - 4

export const liveScreenRoom = { columns: width + 3, rows: 25 }

type Style = Parameters<Paint>[0]

interface Graph {
  readonly label: string
  readonly value: (side: SideFrame) => number
  readonly text: (side: SideFrame) => string
  readonly style: (side: SideFrame) => Style
  /** Higher values are drawn like this one: a backlog that comes back at once would flatten all the rest. */
  readonly ceiling?: number
}

/** Redrawn in place every second. */
export class LiveScreen implements Screen {
  readonly #stream: NodeJS.WriteStream
  readonly #settings: ScreenSettings
  readonly #paint: Paint
  readonly #frames: Frame[] = []
  readonly #showCursor = (): void => void this.#stream.write('\x1b[?25h')
  #drawn = 0

  constructor(stream: NodeJS.WriteStream, settings: ScreenSettings, paint: Paint) {
    this.#stream = stream
    this.#settings = settings
    this.#paint = paint
    stream.write('\x1b[?25l')
    process.once('exit', this.#showCursor)
  }

  progress(what: string): void {
    this.#draw([...this.#heading(), '', `  ${what} …`])
  }

  show(frame: Frame): void {
    this.#frames.push(frame)
    this.#draw([...this.#heading(), '', ...this.#script(frame), '', ...this.#graphs(), '', ...this.#states(frame)])
  }

  close(): void {
    process.off('exit', this.#showCursor)
    this.#showCursor()
  }

  #draw(lines: readonly string[]): void {
    const back = this.#drawn > 0 ? `\x1b[${this.#drawn}A` : ''
    this.#stream.write(`${back}${lines.map((line) => `  ${line}\x1b[K\n`).join('')}\x1b[J`)
    this.#drawn = lines.length
  }

  #heading(): string[] {
    const { headline, pageAddress } = this.#settings
    const paint = this.#paint
    return [
      '',
      `${paint('bold', 'Plimsoll')}  one shop twice: the same requests, the same database, the same troubles of Redis`,
      paint('dim', headline),
      pageAddress ? `${paint('dim', 'graphs')} ${paint('cyan', pageAddress)}` : '',
    ]
  }

  #script(frame: Frame): string[] {
    const { steps } = this.#settings
    const paint = this.#paint
    const step = steps[frame.step]
    const title = positionTitle(steps, frame)
    const troubled = step !== undefined && isTrouble(step) && !frame.recovering
    const mark = troubled ? paint('red', `▲ ${title}`) : paint('green', `● ${title}`)
    const explanation = frame.recovering ? 'Redis is healthy again' : (step?.explanation ?? '')
    const left = `${clock(Math.max(0, secondsOf(steps) - frame.second))} left`
    const gap = Math.max(2, width - `▲ ${title}  ${explanation}${left}`.length)
    return [
      this.#timeline(frame.second),
      paint('dim', this.#timelineLabels()),
      '',
      `${mark}  ${explanation}${' '.repeat(gap)}${paint('dim', left)}`,
    ]
  }

  #timeline(now: number): string {
    const { steps } = this.#settings
    const scale = width / secondsOf(steps)
    let second = 0
    let drawn = 0
    const stretch = (seconds: number, troubled: boolean): string => {
      let text = ''
      second += seconds
      for (const end = Math.round(second * scale); drawn < end; drawn += 1) {
        const past = drawn < now * scale
        if (troubled) text += past ? this.#paint('red', '█') : this.#paint('dim', '▒')
        else text += past ? this.#paint('green', '━') : this.#paint('dim', '─')
      }
      return text
    }
    return steps.map((step) => stretch(step.seconds, isTrouble(step)) + stretch(step.recovery, false)).join('')
  }

  #timelineLabels(): string {
    const { steps } = this.#settings
    const scale = width / secondsOf(steps)
    let second = 0
    let line = ''
    for (const step of steps) {
      line = line.padEnd(Math.round(second * scale)) + step.title
      second += step.seconds + step.recovery
    }
    return line
  }

  #graphs(): string[] {
    const titles = sideNames.map((side) => this.#paint('bold', `  ${sideTitles[side]}`.padEnd(cellWidth)))
    const graphs: readonly Graph[] = [
      {
        label: 'answered/s',
        value: ({ load }) => load.answered,
        text: ({ load }) => count(load.answered),
        style: () => 'green',
        ceiling: this.#settings.rate * 1.1,
      },
      { label: 'failed/s', value: failed, text: (side) => count(failed(side)), style: () => 'red' },
      {
        label: 'p99',
        value: ({ load }) => Math.log10(1 + (load.p99 ?? 0)),
        text: ({ load }) => duration(load.p99, patience),
        style: latencyStyle,
      },
      {
        label: 'queries/s',
        value: ({ queriesPerSecond }) => queriesPerSecond,
        text: ({ queriesPerSecond }) => count(queriesPerSecond),
        style: () => 'blue',
      },
    ]
    return [`${' '.repeat(labelWidth)}${titles.join('')}`, ...graphs.map((graph) => this.#graph(graph))]
  }

  #graph({ label, value, text, style, ceiling = Number.POSITIVE_INFINITY }: Graph): string {
    const recent = this.#frames.slice(-sparkWidth)
    const most = Math.min(
      ceiling,
      Math.max(1, ...recent.flatMap(({ sides }) => sideNames.map((name) => value(sides[name])))),
    )
    return this.#row(label, (name) => {
      const sides = recent.map((frame) => frame.sides[name])
      const spark = sides.map((side) => this.#paint(style(side), bar(value(side) / most))).join('')
      const latest = sides.at(-1)
      return `${(latest ? text(latest) : '').padStart(numberWidth)}  ${spark}${' '.repeat(sparkWidth - sides.length + 2)}`
    })
  }

  #states(frame: Frame): string[] {
    const text = (label: string, phrase: (name: SideName, side: SideFrame) => string): string =>
      this.#row(label, (name) => `  ${phrase(name, frame.sides[name]).slice(0, cellWidth - 3)}`.padEnd(cellWidth))
    const sum = (name: SideName, value: (side: SideFrame) => number): string =>
      count(this.#frames.reduce((total, { sides }) => total + value(sides[name]), 0))
    return [
      text('Redis memory', (_, side) => memory(side.memory)),
      text('mode', (_, side) => modes(side.conditions)),
      text('breakers', (_, side) => breakers(side.conditions)),
      text('so far', (name) => `${sum(name, ({ load }) => load.answered)} answered, ${sum(name, failed)} failed`),
    ]
  }

  #row(label: string, cell: (side: SideName) => string): string {
    return `${this.#paint('dim', label.padEnd(labelWidth))}${sideNames.map(cell).join('')}`
  }
}

function failed({ load }: SideFrame): number {
  return load.errors + load.unanswered
}

function latencyStyle({ load }: SideFrame): Style {
  const p99 = load.p99 ?? 0
  if (p99 >= 1_000) return 'red'
  return p99 >= 250 ? 'yellow' : 'green'
}

function bar(share: number): string {
  if (share <= 0) return ' '
  return '▁▂▃▄▅▆▇█'[Math.min(7, Math.floor(share * 7.999))] ?? ' '
}

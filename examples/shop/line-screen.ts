import { type Frame, patience } from './run.ts'
import { positionTitle, type Screen, type ScreenSettings } from './screen.ts'
import { type SideName, sideNames, sideTitles } from './side.ts'
import { breakers, clock, duration, modes } from './wording.ts'

/** One line a second, for logs and pipes. */
export class LineScreen implements Screen {
  readonly #stream: NodeJS.WriteStream
  readonly #settings: ScreenSettings

  constructor(stream: NodeJS.WriteStream, settings: ScreenSettings) {
    this.#stream = stream
    this.#settings = settings
    this.#write(settings.headline)
    if (settings.pageAddress) this.#write(`graphs: ${settings.pageAddress}`)
  }

  progress(what: string): void {
    this.#write(`${what} …`)
  }

  show(frame: Frame): void {
    const side = (name: SideName): string => {
      const { load, queriesPerSecond, conditions } = frame.sides[name]
      const state = conditions.length > 0 ? `, ${modes(conditions)} (breakers: ${breakers(conditions)})` : ''
      return (
        `${sideTitles[name]}: ${load.answered} answered, ${load.errors + load.unanswered} failed, ` +
        `p99 ${duration(load.p99, patience)}, ${queriesPerSecond} queries${state}`
      )
    }
    const title = positionTitle(this.#settings.steps, frame)
    this.#write(`${clock(frame.second).padStart(5)}  ${title.padEnd(14)} ${sideNames.map(side).join('  |  ')}`)
  }

  close(): void {}

  #write(line: string): void {
    this.#stream.write(`${line}\n`)
  }
}

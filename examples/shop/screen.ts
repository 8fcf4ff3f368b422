import type { Frame, Position } from './run.ts'
import type { Step } from './troubles.ts'

/** Where a run is shown while it lasts. */
export interface Screen {
  progress(what: string): void
  show(frame: Frame): void
  close(): void
}

export interface ScreenSettings {
  readonly headline: string
  readonly rate: number
  readonly steps: readonly Step[]
  readonly pageAddress: string | undefined
}

export function positionTitle(steps: readonly Step[], { step, recovering }: Position): string {
  const title = steps[step]?.title ?? ''
  return recovering ? `after ${title}` : title
}

import { setTimeout as pause } from 'node:timers/promises'
import type { Opened, Opener } from './connect.ts'
import { CouldNotLook } from './could-not-look.ts'
import type { Brought, Examination } from './examination.ts'
import { concluded, patientsOf } from './examine.ts'
import { exitCodes } from './exit-codes.ts'
import { addressOf, asCouldNotLook } from './explain-failure.ts'
import { renderJson } from './json-document.ts'
import { LiveScreen } from './live-screen.ts'
import type { World } from './run.ts'
import { canvasOf } from './terminal.ts'
import { watchLine, watchScreen } from './watch-view.ts'

/**
 * Looks again and again until it is ended, which is no error. A Redis that goes away is what people watch for: it is
 * told, and tried again. One that cannot be looked at to begin with is an error as ever.
 */
export async function watch(brought: Brought, open: Opener, world: World): Promise<number> {
  const { streams, keyboard, signal } = world
  const { options } = brought
  let opened: Opened | undefined = await open(signal)
  const live = streams.stdout.isTTY === true && !options.json
  const screen = live ? new LiveScreen(streams.stdout, keyboard) : undefined
  const ended = screen === undefined ? signal : AbortSignal.any([signal, screen.ended])
  const patients = patientsOf(opened, brought, ended)
  const show = (seen: Examination | CouldNotLook): void => {
    if (screen !== undefined) {
      screen.draw(watchScreen(seen, addressOf(options.url).shown, options.interval, screen.canvas(options.color)))
    } else if (seen instanceof CouldNotLook) {
      streams.stderr.write(`plimsoll: ${seen.message}\n`)
    } else {
      streams.stdout.write(options.json ? renderJson(seen) : watchLine(seen, canvasOf(streams.stdout, options.color)))
    }
  }
  let failure: unknown
  try {
    await Promise.all(patients.map((patient) => patient.askOnce()))
    while (!ended.aborted) {
      try {
        if (opened === undefined) {
          opened = await open(ended)
          for (const [index, { client }] of opened.nodes.entries()) patients[index]?.questions.reconnect(client)
        }
        await Promise.all(patients.map((patient) => patient.look()))
        show(concluded(brought, patients))
      } catch (error) {
        if (ended.aborted) break
        opened?.close()
        opened = undefined
        const told = await asCouldNotLook(error, options)
        if (!(told instanceof CouldNotLook)) throw told
        show(told)
      }
      await pause(options.interval, undefined, { signal: ended }).catch(() => {})
    }
  } catch (error) {
    if (!ended.aborted) failure = await asCouldNotLook(error, options)
  } finally {
    opened?.close()
    screen?.restore()
  }
  if (failure !== undefined) throw failure
  return exitCodes.fine
}

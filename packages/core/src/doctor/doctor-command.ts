import { readFile } from 'node:fs/promises'
import { bring } from './brought.ts'
import { UsageError } from './command-line.ts'
import { connect, type Opener } from './connect.ts'
import { type DoctorOptions, parseDoctorOptions } from './doctor-options.ts'
import { type Examination, exitCodeOf } from './examination.ts'
import { examine } from './examine.ts'
import { exitCodes } from './exit-codes.ts'
import { asCouldNotLook, infoDenied } from './explain-failure.ts'
import { help } from './help.ts'
import { renderJson } from './json-document.ts'
import { progressBar } from './progress.ts'
import { renderReport } from './report.ts'
import type { World } from './run.ts'
import { canvasOf } from './terminal.ts'
import { watch } from './watch.ts'

/** `plimsoll doctor`. */
export async function doctorCommand(argv: readonly string[], world: World): Promise<number> {
  const { streams, signal } = world
  const options = parseDoctorOptions(argv, world.environment)
  if (options === undefined) {
    streams.stdout.write(help.doctor)
    return exitCodes.fine
  }
  const brought = await bring(options)
  const open = await openerOf(options)
  if (options.watch) return watch(brought, open, world)
  const opened = await open(signal)
  const progress = progressBar(streams.stderr)
  let examination: Examination
  try {
    examination = await examine(opened, brought, signal, progress.show)
  } catch (error) {
    throw signal.aborted ? error : await asCouldNotLook(error, options)
  } finally {
    progress.end()
    opened.close()
  }
  streams.stdout.write(
    options.json ? renderJson(examination) : renderReport(examination, canvasOf(streams.stdout, options.color)),
  )
  const code = exitCodeOf(examination)
  if (code === exitCodes.couldNotLook) streams.stderr.write(`plimsoll: ${examination.address}: ${infoDenied}\n`)
  return code
}

async function openerOf(options: DoctorOptions): Promise<Opener> {
  const { url, cluster, timeout } = options
  const ca = options.ca === undefined ? undefined : await readFile(options.ca, 'utf8').catch(unreadable)
  return (signal) => connect({ url, cluster, ca, timeout, signal })
}

function unreadable(): never {
  throw new UsageError('--ca: cannot read that file')
}
